//! Server-sent events, read as they come.

use super::World;
use super::wait::within;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use reqwest::Method;
use serde_json::Value;

/// An open stream of events.
pub struct Events {
    bytes: BoxStream<'static, reqwest::Result<Bytes>>,
    text: String,
}

/// One event: its name and its data.
#[derive(Clone, Debug)]
pub struct Event {
    pub name: String,
    pub data: Value,
}

impl World {
    /// Opens the event stream at a path.
    pub async fn events(&self, path: &str) -> Events {
        let asked = self.request(Method::GET, path).header("Accept", "text/event-stream");
        let answer = asked.send().await.expect("the server answers");
        assert_eq!(answer.status(), 200, "{path}");
        let kind = answer.headers()["content-type"].to_str().expect("a content type is text");
        assert!(kind.starts_with("text/event-stream"), "{kind}");
        Events { bytes: answer.bytes_stream().boxed(), text: String::new() }
    }
}

impl Events {
    /// The next event, comments left out; `None` when the server ended the stream.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = understood(block);
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
            }
            let more = within("the next event", self.bytes.next()).await?.ok()?;
            self.text.push_str(&String::from_utf8_lossy(&more).replace("\r\n", "\n"));
        }
    }

    /// The next event that `wanted` says yes to.
    pub async fn find(&mut self, wanted: impl Fn(&Event) -> bool) -> Event {
        let search = async {
            loop {
                let event = self.next().await.expect("the stream of events goes on");
                if wanted(&event) {
                    return event;
                }
            }
        };
        within("an event that is wanted", search).await
    }
}

fn understood(block: &str) -> Option<Event> {
    let mut name = "message";
    let mut data = Vec::new();
    for (field, value) in block.lines().filter_map(|line| line.split_once(':')) {
        match field {
            "event" => name = value.trim(),
            "data" => data.push(value.trim()),
            _ => {}
        }
    }
    if data.is_empty() {
        return None;
    }
    let (name, data) = (name.to_owned(), data.join("\n"));
    let data = serde_json::from_str(&data).unwrap_or_else(|error| panic!("event data is no JSON ({error}): {data}"));
    Some(Event { name, data })
}
