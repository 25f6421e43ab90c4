"""What forecasts, placement and reports ask of an opened operation."""
