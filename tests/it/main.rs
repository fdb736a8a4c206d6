//! integration tests
mod contract;
mod pattern;
mod recording;
mod schema;
