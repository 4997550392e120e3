"""The mathematics: arrays in, arrays out. Knows no engine, no file format and no network."""
