"""Settings, the composition root, logs and the doors' adapter."""
