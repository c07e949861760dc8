//! Generators, fakes and ephemeral services for tests.
