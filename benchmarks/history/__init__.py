"""How well published counts are forecast: past operations, and thousands of country pairs."""
