//! Everything that a view may ask of the world: closed, small, by kind and not by feature.

use std::{any::Any, sync::Arc};

use bytes::Bytes;

use super::{
    layer::Layer,
    world::{Place, World},
};
use crate::{
    api::{
        ApiError, BoxFuture, Request, Wire,
        attachment::Attachment,
        client::Client,
        cluster::Resources,
        ids::{GuestRef, Upid, VmId},
        task::TaskState,
    },
    store::SessionId,
};

/// One open view. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerId(pub u64);

impl LayerId {
    /// Of dialogs that are filled in without a screen.
    pub const NONE: Self = Self(0);
}

/// A view's own message with its type forgotten; [`Hosted`](super::Hosted) remembers it.
pub type Reply = Box<dyn Any + Send>;

/// Makes a reply from the answer to a call.
pub type Decode = Box<dyn FnOnce(Result<Bytes, ApiError>) -> Reply + Send>;

/// Makes a layer once its id is known.
pub type Open = Box<dyn FnOnce(LayerId) -> Box<dyn Layer> + Send>;

/// How a toast looks and how long it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something went as wished.
    Ok,
    /// Something to know.
    Info,
    /// It worked, but look at it.
    Warning,
    /// It failed. Stays until a key is pressed.
    Error,
}

/// A short message in the last line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// How serious it is.
    pub level: Level,
    /// One line of text.
    pub text: String,
    /// The task it is about; its log can be opened from the toast.
    pub task: Option<Upid>,
}

impl Toast {
    /// A toast without a task.
    pub fn new(level: Level, text: impl Into<String>) -> Self {
        Self { level, text: text.into(), task: None }
    }
}

/// A request that changes something. Views make them and hand them over inside a [`Proposal`](super::Proposal);
/// only the app lets them out, after the user has seen the call.
pub struct Write {
    /// What it does, for toasts and the audit trail: "Start VM 101 (web)".
    pub label: String,
    /// The call.
    pub wire: Wire,
    /// The guest that it is about: its row shows that something is going on.
    pub guest: Option<VmId>,
    /// Who wants to hear the outcome besides the user.
    pub then: Option<(LayerId, Decode)>,
    /// The cluster, when it is not the one of the dialog that asks: its session and its name.
    pub place: Option<(SessionId, String)>,
    /// Waits until earlier ones of this kind on the same guest have ended, tasks included: the server locks guests.
    pub in_turn: bool,
    /// Is not sent at all when the one before it on the same guest did not succeed.
    pub needs_last: bool,
}

impl Write {
    /// A write whose outcome only the user hears about.
    pub fn new<T>(label: impl Into<String>, request: Request<T>) -> Self {
        Self {
            label: label.into(),
            wire: request.wire,
            guest: None,
            then: None,
            place: None,
            in_turn: false,
            needs_last: false,
        }
    }

    /// One after the other with others on the same guest.
    pub fn in_turn(mut self) -> Self {
        self.in_turn = true;
        self
    }

    /// One after the other with others on the same guest, and only if the one before it went well.
    pub fn after_success(mut self) -> Self {
        (self.in_turn, self.needs_last) = (true, true);
        self
    }

    /// Names the guest that it is about.
    pub fn on_guest(mut self, vmid: VmId) -> Self {
        self.guest = Some(vmid);
        self
    }
}

/// A text for the user's own editor.
pub struct TextEdit {
    /// The end of the file's name, for the editor's title and colours: `vm-100.conf`.
    pub name: String,
    /// The text. It may hold nothing secret: editors keep copies.
    pub text: String,
    /// Who hears the outcome.
    pub to: LayerId,
    /// Makes its message from the edited text, or from why there is none.
    pub then: Box<dyn FnOnce(Result<String, String>) -> Reply + Send>,
}

/// What leaves a view. The first group is settled inside the app; the second reaches the runner.
pub enum Effect {
    /// Put a view on top of the asking one.
    Open(Open),
    /// Take a view away; its unanswered reads are dropped, writes go on.
    Close(LayerId),
    /// Hand a message to a view.
    Reply {
        /// The view.
        to: LayerId,
        /// Its message.
        reply: Reply,
    },
    /// Run a command of a view by its id (menus, palette, mouse).
    Run {
        /// The view, or `None` for the app's own commands.
        layer: Option<LayerId>,
        /// For example `guest.start`.
        command: String,
    },
    /// Show a toast.
    Toast(Toast),
    /// Open the log of a task.
    OpenTask(Upid),
    /// Keep the values of a form for the next time it is opened.
    Remember {
        /// The session.
        session: SessionId,
        /// Whose values: [`Store::remembered`](crate::store::Store::remembered).
        what: &'static str,
        /// Keys and values; no secrets.
        values: Vec<(String, String)>,
    },
    /// Ask the cluster for everything now.
    Refresh(SessionId),
    /// A login has succeeded. It passes the app and then the runner, which keeps the client.
    SignedIn {
        /// The session.
        session: SessionId,
        /// `user@realm` or the token's id.
        user: String,
        /// Whom to ask from now on, and where that is.
        client: Box<(Client, Place)>,
    },
    /// A session was closed: its login is forgotten.
    SignedOut(SessionId),
    /// Forget a file that did not arrive.
    Dismiss {
        /// Of which cluster.
        session: SessionId,
        /// The file.
        file: Attachment,
    },
    /// Leave the console.
    Quit,

    /// A read for a view.
    Send {
        /// Where to.
        session: SessionId,
        /// Who asks.
        to: LayerId,
        /// The call.
        wire: Wire,
        /// Reads the answer.
        decode: Decode,
    },
    /// A confirmed change. Sent once, never repeated.
    Write {
        /// Where to.
        session: SessionId,
        /// The change.
        write: Write,
    },
    /// Fetch a file: what [`Wire::saved_file`] says. It goes on when the view that asked has been closed.
    Download {
        /// From where.
        session: SessionId,
        /// What it does, for toasts: "Fetch notes.txt".
        label: String,
        /// The call.
        wire: Wire,
    },
    /// Work that is more than one call.
    Job {
        /// Who asks.
        to: LayerId,
        /// The work.
        run: Box<dyn FnOnce(World) -> BoxFuture<Reply> + Send>,
    },
    /// The cluster's state: resources, tasks, and now and then its status.
    Fetch {
        /// Where to.
        session: SessionId,
        /// Also ask for what changes seldom.
        full: bool,
        /// What is known: an equal answer is told as this very list.
        known: Arc<Resources>,
    },
    /// Let go of a list elsewhere: thousands of guests take a while, and keys would wait for it.
    Discard(Arc<Resources>),
    /// What the user may do; asked once for each login.
    Rights(SessionId),
    /// How one guest is: its own status is newer than the cluster's list.
    Peek {
        /// Where to.
        session: SessionId,
        /// The guest.
        guest: GuestRef,
    },
    /// A cheap question whether the server answers at all.
    Probe(SessionId),
    /// How a task is doing.
    Poll {
        /// Where to.
        session: SessionId,
        /// The task.
        upid: Upid,
        /// Also read the log from this line on.
        log_from: Option<u64>,
    },
    /// A task that this console started has ended: for the audit trail.
    TaskEnded {
        /// The task.
        upid: Upid,
        /// How.
        state: TaskState,
    },
    /// Put text into the user's clipboard.
    Copy(String),
    /// Write this sequence to the terminal, which tells the desktop.
    Notify(String),
    /// Let go of the terminal until the shell brings the program back.
    Suspend,
    /// Let the user change a text in an editor of his own, which has the terminal meanwhile.
    EditText(TextEdit),
    /// Draw the whole screen anew.
    Redraw,
    /// Switch mouse capture on or off.
    Mouse(bool),
}
