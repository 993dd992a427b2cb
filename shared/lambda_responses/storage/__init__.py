"""What is kept: a small keyed port, two stores that implement it, and the response store on top."""
