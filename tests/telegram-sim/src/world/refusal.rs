//! Why the world does not do what a bot asks. Each face says it in the words of its own wire.

/// What a message was wanted for; the wires say it in their refusals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Forward,
    Copy,
    Delete,
    Edit,
    Pin,
    Unpin,
}

/// A refused request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no bot has this token")]
    Unauthorized,
    #[error("there is no such channel")]
    NoChannel,
    #[error("the bot is not in the channel")]
    NotAMember,
    #[error("the bot was thrown out of the channel")]
    Banned,
    #[error("the bot may not post in the channel")]
    MayNotPost,
    #[error("the bot may not pin in the channel")]
    MayNotPin,
    #[error("the bot is too late or has no right to delete the message")]
    MayNotDelete,
    #[error("the bot may not edit the message")]
    MayNotEdit,
    #[error("there is no such message")]
    NoMessage(Purpose),
    #[error("nothing can be forwarded from the channel")]
    Protected,
    #[error("the caption is the same as before")]
    NotModified,
    #[error("the bot knows no such file")]
    NoFile,
    #[error("the file is too big to be read by a bot")]
    FileTooBig,
    #[error("the document is too big to be sent by a bot")]
    UploadTooBig,
    #[error("the document is empty")]
    EmptyFile,
    #[error("the caption is too long")]
    CaptionTooLong,
    #[error("the text is empty")]
    TextEmpty,
    #[error("the text is too long")]
    TextTooLong,
    #[error("the download link is wrong or too old")]
    NoLink,
    #[error("the bot has to wait {seconds} s")]
    Flood { seconds: u64 },
    #[error("the simulator could not keep it: {0}")]
    Broken(#[from] std::io::Error),
}
