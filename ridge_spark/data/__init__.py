"""Images in: readers of what people have, and the Parquet data set that training reads."""
