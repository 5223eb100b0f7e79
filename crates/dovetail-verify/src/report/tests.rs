//! Reports in every format, with the same counts and inert whatever a provider wrote.
