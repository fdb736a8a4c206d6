//! What the app hears: input, time, and answers.

use bytes::Bytes;
use crossterm::event::{KeyEvent, MouseEvent};

use crate::{
    api::{
        ApiError,
        cluster::{ClusterStatus, Resources},
        ids::{Upid, VmId},
        task::{LogLine, Task},
        version::Version,
    },
    shell::{LayerId, Reply, SessionId},
};

/// Everything that can happen.
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse did something.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resized,
    /// Time has passed.
    Tick,
    /// An answer for a view.
    Reply {
        /// The view.
        to: LayerId,
        /// Its message.
        reply: Reply,
    },
    /// The cluster's state.
    Fetched {
        /// Of which cluster.
        session: SessionId,
        /// The state, or what went wrong.
        answer: Box<Fetched>,
    },
    /// Whether the server answers at all.
    Probed {
        /// Which server.
        session: SessionId,
        /// It answers.
        alive: bool,
    },
    /// A change was answered.
    Written {
        /// Of which cluster.
        session: SessionId,
        /// What it does.
        label: String,
        /// The guest that it is about.
        guest: Option<VmId>,
        /// The answer.
        result: Result<Bytes, ApiError>,
        /// Who else wants to hear it.
        reply: Option<(LayerId, Reply)>,
    },
    /// A followed task was asked about.
    Polled {
        /// Of which cluster.
        session: SessionId,
        /// The task.
        upid: Upid,
        /// How it is doing.
        status: Result<Task, ApiError>,
        /// New log lines.
        log: Vec<LogLine>,
    },
}

/// What one refresh brings.
pub struct Fetched {
    /// Guests, nodes, storages.
    pub resources: Result<Resources, ApiError>,
    /// Recent tasks.
    pub tasks: Result<Vec<Task>, ApiError>,
    /// Quorum and nodes; seldom asked.
    pub status: Option<Result<ClusterStatus, ApiError>>,
    /// The server's version; seldom asked.
    pub version: Option<Version>,
}
