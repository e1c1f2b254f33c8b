"""Files: history brought in from CSV, JSON lines and Parquet."""
