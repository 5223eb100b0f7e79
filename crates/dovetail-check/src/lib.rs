//! Whether contracts are sound and agree with each other.
