"""Where a format is spoken: endpoints, credentials, routing and sending."""
