//! Whether a running service keeps what its consumers rely on.
