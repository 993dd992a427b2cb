"""What runs a door on Lambda so that its answer leaves while it is made.

Started by the layer's `streaming-runtime` in place of AWS's own runtime client for Python, which collects an
answer before it posts it. It speaks the Runtime API in streaming mode and runs the door's ASGI application:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html. Nothing imports this package: it can go as
one piece when that client learns to stream.
"""
