"""What people may ask about their own file, what is destroyed and when."""
