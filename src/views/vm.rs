//! What only virtual machines have. The list that they share with containers is in [`super::guest`].

pub mod create;
