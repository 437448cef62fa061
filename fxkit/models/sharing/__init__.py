"""Share a model as a folder or through the Hugging Face hub."""
