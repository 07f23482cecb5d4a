//! Documents on their way in.

use crate::client::{Talk, answer, document, noise, refused};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use telegram_sim::{Limits, Settings};

#[tokio::test]
async fn a_sent_document_is_answered_in_the_documented_shape_and_stored() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let bytes = noise(700_000);
    let message = talk.send(&bot, bytes.clone()).await.result();
    assert_eq!(message["message_id"], 2, "a channel's first message says that it was created");
    assert_eq!(message["chat"], json!({ "id": bot.channel, "title": "Simulated channel 1", "type": "channel" }));
    assert_eq!((&message["sender_chat"], &message["caption"]), (&message["chat"], &json!("a caption")));
    assert!(message["date"].is_i64() && message["document"]["file_id"].is_string(), "{message}");
    let document = &message["document"];
    assert_eq!((&document["file_name"], &document["file_size"]), (&json!("pack.bin"), &json!(700_000)));
    assert_eq!(document["mime_type"], "application/octet-stream");

    let stored = talk.world().messages(bot.channel).remove(0);
    let kept = stored.document.unwrap();
    assert_eq!((kept.size, stored.caption.as_deref()), (700_000, Some("a caption")));
    assert_eq!(kept.blake3, blake3::hash(&bytes).to_hex().to_string());
    assert_eq!(std::fs::read(kept.path).unwrap(), bytes);
    let counters = talk.world().counters(bot.id);
    assert_eq!((counters.requests_of("sendDocument"), counters.bytes_in, counters.sends), (1, 700_000, 0));
}

#[tokio::test]
async fn a_known_document_is_sent_again_by_its_file_id() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let first = talk.send(&bot, "once").await.result();
    let body = json!({ "chat_id": bot.channel, "document": first["document"]["file_id"] });
    let again = talk.call(&bot, "sendDocument", body).await.result();
    assert_eq!(again["document"], first["document"]);
    assert_ne!(again["message_id"], first["message_id"]);
}

#[tokio::test]
async fn parameters_come_in_every_documented_way() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let address = talk.address(&bot, "SENDmessage");
    let pairs = [("chat_id", bot.channel.to_string()), ("text", "hällo & more".to_owned())];
    let url = reqwest::Url::parse_with_params(&address, &pairs).unwrap();
    let urlencoded = url.query().unwrap().to_owned();
    let form =
        pairs.iter().cloned().fold(reqwest::multipart::Form::new(), |form, (name, value)| form.text(name, value));
    let requests = [
        talk.http.get(url),
        talk.http.post(&address).header("content-type", "application/x-www-form-urlencoded").body(urlencoded),
        talk.http.post(&address).json(&json!({ "chat_id": bot.channel, "text": "hällo & more" })),
        talk.http.post(&address).multipart(form),
    ];
    for request in requests {
        let message = answer(request.send().await.unwrap()).await.unwrap().result();
        assert_eq!(message["text"], "hällo & more");
    }
}

#[tokio::test]
async fn a_file_may_stand_under_another_name() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let part = reqwest::multipart::Part::bytes(b"abc".to_vec()).file_name("x.bin");
    let form = reqwest::multipart::Form::new().text("document", "attach://elsewhere").part("elsewhere", part);
    let form = form.text("chat_id", bot.channel.to_string());
    let sent = talk.http.post(talk.address(&bot, "sendDocument")).multipart(form).send().await.unwrap();
    assert_eq!(answer(sent).await.unwrap().result()["document"]["file_size"], 3);
}

#[tokio::test]
async fn what_is_too_big_is_refused_and_leaves_nothing() {
    let limits = Limits { upload_bytes: 100_000, ..Limits::default() };
    let folder = tempfile::tempdir().unwrap();
    let talk = Talk::with(Settings { limits, ..Settings::bots(1).kept_in(folder.path()) });
    let bot = talk.bot(0);
    assert_eq!(talk.send(&bot, noise(100_001)).await.refusal(), refused(413, "Request Entity Too Large"));
    // Far more than sockets hold: the answer arrives all the same.
    assert_eq!(talk.send(&bot, noise(20_000_000)).await.refusal(), refused(413, "Request Entity Too Large"));
    assert_eq!(talk.send(&bot, noise(0)).await.refusal(), refused(400, "Bad Request: file must be non-empty"));
    assert!(talk.world().messages(bot.channel).is_empty());
    assert_eq!(std::fs::read_dir(folder.path().join("incoming")).unwrap().count(), 0);
    assert_eq!(talk.send(&bot, noise(100_000)).await.result()["document"]["file_size"], 100_000);
}

/// Many clients look for an answer only when all is said; one that is cut off never hears it.
#[tokio::test]
async fn a_client_that_speaks_to_the_end_hears_why_it_was_refused() {
    let limits = Limits { upload_bytes: 1000, ..Limits::default() };
    let talk = Talk::with(Settings { limits, ..Settings::bots(1) });
    let bot = talk.bot(0);
    let address = talk.sim.url().strip_prefix("http://").unwrap().to_owned();
    let body = [
        b"--x\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a\"\r\n\r\n".to_vec(),
        noise(30_000_000),
    ];
    let body = [body.concat(), b"\r\n--x--\r\n".to_vec()].concat();
    let path = format!("/bot{}/sendDocument", bot.token);
    let heard = tokio::task::spawn_blocking(move || {
        let mut socket = TcpStream::connect(address).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: multipart/form-data; boundary=x\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        socket.write_all(head.as_bytes()).unwrap();
        socket.write_all(&body).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    });
    let heard = heard.await.unwrap();
    assert!(heard.starts_with("HTTP/1.1 413 "), "{heard}");
}

#[tokio::test]
async fn captions_and_texts_have_a_longest() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let send = async |chars: usize| {
        let form = document("x").text("chat_id", bot.channel.to_string()).text("caption", "ä".repeat(chars));
        answer(talk.http.post(talk.address(&bot, "sendDocument")).multipart(form).send().await.unwrap()).await.unwrap()
    };
    assert_eq!(send(1024).await.result()["caption"].as_str().unwrap().chars().count(), 1024);
    assert_eq!(send(1025).await.refusal(), refused(400, "Bad Request: message caption is too long"));
    let say = async |text: String| {
        talk.call(&bot, "sendMessage", json!({ "chat_id": bot.channel, "text": text })).await.refusal()
    };
    assert_eq!(say(String::new()).await, refused(400, "Bad Request: message text is empty"));
    assert_eq!(say("x".repeat(4097)).await, refused(400, "Bad Request: message is too long"));
}

#[tokio::test]
async fn requests_that_make_no_sense_are_answered() {
    let talk = Talk::bots(1);
    let bot = talk.bot(0);
    let call = async |method, body| talk.call(&bot, method, body).await.refusal();
    let here = json!({ "chat_id": bot.channel });
    assert_eq!(call("sendVideo", here.clone()).await, refused(404, "Not Found: method not found"));
    assert_eq!(call("sendDocument", here).await, refused(400, "Bad Request: there is no document in the request"));
    assert_eq!(call("sendMessage", json!({})).await, refused(400, "Bad Request: chat_id is empty"));
    let broken = talk.http.post(talk.address(&bot, "getMe")).header("content-type", "application/json").body("{");
    assert_eq!(answer(broken.send().await.unwrap()).await.unwrap().refusal().0, 400);
    let broken = talk.http.post(talk.address(&bot, "getMe")).header("content-type", "multipart/form-data").body("x");
    assert_eq!(answer(broken.send().await.unwrap()).await.unwrap().refusal().0, 400);
    let nowhere = talk.http.get(format!("{}/elsewhere", talk.sim.url())).send().await.unwrap();
    assert_eq!(answer(nowhere).await.unwrap().refusal(), refused(404, "Not Found"));
}
