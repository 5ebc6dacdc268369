//! Known mistakes, and that the simulation notices each.
