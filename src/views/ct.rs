//! What only containers have.

pub mod create;
