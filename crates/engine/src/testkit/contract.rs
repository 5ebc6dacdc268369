//! What every `Store` does alike.
