//! The methods the simulator knows.

use crate::world::fault::Operation;

/// A method of the Bot API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    GetMe,
    GetChat,
    GetChatMember,
    GetChatAdministrators,
    GetFile,
    GetUpdates,
    GetWebhookInfo,
    SendDocument,
    SendMessage,
    ForwardMessage,
    CopyMessage,
    EditMessageCaption,
    DeleteMessage,
    DeleteMessages,
    PinChatMessage,
    UnpinChatMessage,
    DeleteWebhook,
    LogOut,
    Close,
}

const METHODS: [(Method, &str, Operation); 19] = [
    (Method::GetMe, "getMe", Operation::GetMe),
    (Method::GetChat, "getChat", Operation::Other),
    (Method::GetChatMember, "getChatMember", Operation::Other),
    (Method::GetChatAdministrators, "getChatAdministrators", Operation::Other),
    (Method::GetFile, "getFile", Operation::GetFile),
    (Method::GetUpdates, "getUpdates", Operation::Other),
    (Method::GetWebhookInfo, "getWebhookInfo", Operation::Other),
    (Method::SendDocument, "sendDocument", Operation::Send),
    (Method::SendMessage, "sendMessage", Operation::Send),
    (Method::ForwardMessage, "forwardMessage", Operation::Forward),
    (Method::CopyMessage, "copyMessage", Operation::Forward),
    (Method::EditMessageCaption, "editMessageCaption", Operation::Other),
    (Method::DeleteMessage, "deleteMessage", Operation::Delete),
    (Method::DeleteMessages, "deleteMessages", Operation::Delete),
    (Method::PinChatMessage, "pinChatMessage", Operation::Other),
    (Method::UnpinChatMessage, "unpinChatMessage", Operation::Other),
    (Method::DeleteWebhook, "deleteWebhook", Operation::Other),
    (Method::LogOut, "logOut", Operation::Other),
    (Method::Close, "close", Operation::Other),
];

impl Method {
    /// The method of this name; upper and lower case are the same, as the documentation says.
    pub(super) fn named(name: &str) -> Option<Self> {
        METHODS.iter().find(|(_, listed, _)| listed.eq_ignore_ascii_case(name)).map(|(method, ..)| *method)
    }

    pub(super) fn name(self) -> &'static str {
        self.row().1
    }

    pub(super) fn operation(self) -> Operation {
        self.row().2
    }

    fn row(self) -> &'static (Self, &'static str, Operation) {
        METHODS.iter().find(|(method, ..)| *method == self).expect("every method is listed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_found_by_its_name_in_any_case() {
        for (method, name, operation) in METHODS {
            assert_eq!(Method::named(name), Some(method));
            assert_eq!(Method::named(&name.to_uppercase()), Some(method));
            assert_eq!((method.name(), method.operation()), (name, operation));
        }
        assert_eq!(Method::named("getme2"), None);
    }
}
