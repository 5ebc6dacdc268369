//! Waiting costs nothing.
