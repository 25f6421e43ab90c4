"""Django on SQLCipher: the embedded store, encrypted as a whole file."""
