"""How far one machine reaches, and what a cluster costs: fold, safeguards and counts by size."""
