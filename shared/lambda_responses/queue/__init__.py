"""Where work waits and where news goes: ports, SQS and EventBridge on AWS, a SQLite file on a laptop."""
