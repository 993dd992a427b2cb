"""The API as Python functions: the use cases that the endpoints serve, in this process and without HTTP."""
