"""Images in: one reader for each kind of source, decoding, preparation; here or as Spark tasks."""
