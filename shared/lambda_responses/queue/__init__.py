"""Where work waits: the port, SQS on AWS, and a SQLite file on a laptop."""
