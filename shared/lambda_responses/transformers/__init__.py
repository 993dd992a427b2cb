"""One folder for each upstream wire format: request, stream and errors, all pure."""
