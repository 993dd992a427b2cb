"""What follows a model's step: the decisions of the tool loop."""
