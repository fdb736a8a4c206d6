//! x
pub mod ct;
pub mod form;
pub mod row;
pub mod setting;
pub mod sheet;
pub mod text;
pub mod vm;
