//! Everything that `cargo` alone cannot do for this repository: `cargo xtask help` lists it.

fn main() {}
