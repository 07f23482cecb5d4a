//! A plain client: requests as a bot makes them, answers as they come.

use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use telegram_sim::{Bot, Settings, Simulator, World};

/// A simulator and somebody to talk to it.
pub struct Talk {
    pub sim: Simulator,
    pub http: Client,
}

/// Status and body of an answer.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<String>,
    pub body: Value,
}

impl Answer {
    /// The result of a call that went well.
    pub fn result(self) -> Value {
        assert_eq!((self.status, &self.body["ok"]), (StatusCode::OK, &Value::Bool(true)), "{}", self.body);
        self.body["result"].clone()
    }

    /// Code and description of a call that did not; the code is the status, too.
    pub fn refusal(self) -> (u64, String) {
        assert_eq!(self.body["ok"], false, "{}", self.body);
        let code = self.body["error_code"].as_u64().unwrap();
        assert_eq!(u64::from(self.status.as_u16()), code);
        (code, self.body["description"].as_str().unwrap().to_owned())
    }
}

/// What a refusal should be.
pub fn refused(code: u64, description: &str) -> (u64, String) {
    (code, description.to_owned())
}

impl Talk {
    pub fn with(settings: Settings) -> Self {
        Self { sim: Simulator::start(settings).unwrap(), http: Client::new() }
    }

    pub fn bots(count: usize) -> Self {
        Self::with(Settings::bots(count))
    }

    pub fn world(&self) -> &World {
        self.sim.world()
    }

    pub fn bot(&self, number: usize) -> Bot {
        self.world().bots()[number].clone()
    }

    pub fn address(&self, bot: &Bot, method: &str) -> String {
        format!("{}/bot{}/{method}", self.sim.url(), bot.token)
    }

    /// Calls a method with a JSON body.
    pub async fn call(&self, bot: &Bot, method: &str, body: Value) -> Answer {
        self.try_call(bot, method, body).await.unwrap()
    }

    pub async fn try_call(&self, bot: &Bot, method: &str, body: Value) -> reqwest::Result<Answer> {
        answer(self.http.post(self.address(bot, method)).json(&body).send().await?).await
    }

    /// Sends a document to the bot's own channel.
    pub async fn send(&self, bot: &Bot, bytes: impl Into<Vec<u8>>) -> Answer {
        self.try_send(bot, bytes).await.unwrap()
    }

    pub async fn try_send(&self, bot: &Bot, bytes: impl Into<Vec<u8>>) -> reqwest::Result<Answer> {
        let form = document(bytes).text("chat_id", bot.channel.to_string()).text("caption", "a caption");
        answer(self.http.post(self.address(bot, "sendDocument")).multipart(form).send().await?).await
    }

    /// The address of a document, by its file id.
    pub async fn link(&self, bot: &Bot, file_id: &Value) -> String {
        let file = self.call(bot, "getFile", json!({ "file_id": file_id })).await.result();
        format!("{}/file/bot{}/{}", self.sim.url(), bot.token, file["file_path"].as_str().unwrap())
    }

    pub async fn read(&self, address: &str) -> reqwest::Result<Vec<u8>> {
        let answer = self.http.get(address).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }
}

/// A form with a document as a client would send it.
pub fn document(bytes: impl Into<Vec<u8>>) -> Form {
    let part = Part::bytes(bytes.into()).file_name("pack.bin").mime_str("application/octet-stream").unwrap();
    Form::new().part("document", part)
}

pub async fn answer(response: Response) -> reqwest::Result<Answer> {
    let retry_after = response.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    Ok(Answer { status: response.status(), retry_after, body: response.json().await? })
}

/// Bytes that are all over the place, and the same each time.
pub fn noise(len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    bytes
}

/// Looks until `seen` holds; gives up after a time that even a crowded machine keeps.
pub async fn until(what: &str, mut seen: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !seen() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
