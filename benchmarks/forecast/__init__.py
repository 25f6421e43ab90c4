"""The reference forecasting job, timed through the public functions beside other tools."""
