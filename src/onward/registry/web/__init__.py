"""The site of one operation: settings, processes, jobs, what holds for every page."""
