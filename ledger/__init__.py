"""The durable book: encrypted file, one writer, audit chain, keys, clock, ids."""
