"""The data set on disk: Parquet shards, their blocks, and where they are stored."""
