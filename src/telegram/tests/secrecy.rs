//! A token never leaves in an error or a log line, whatever goes wrong.

use super::{Scene, document, noise, range, read_all};
use crate::telegram::bot_api::BotApi;
use crate::telegram::error::TelegramError;
use crate::telegram::id::{FileId, MessageId};
use std::error::Error;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use telegram_sim::{Fault, Operation, Settings, Trouble};
use tracing_subscriber::fmt::MakeWriter;

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// All an error can show of itself.
fn text_of(error: &TelegramError) -> String {
    let mut text = format!("{error} {error:?} {error:#?}");
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(&format!(" {cause} {cause:?}"));
        next = cause.source();
    }
    text
}

/// Everything a bot can be asked, and what comes back as errors.
async fn errors_of(api: &BotApi, scene: &Scene, file: &FileId) -> Vec<TelegramError> {
    let channel = scene.bot(0).channel;
    let read = async {
        let download = api.download(file, range(0, 60_000)).await?;
        read_all(download.into_range()).await.map(drop)
    };
    let answers = [
        api.me().await.map(drop),
        api.chat(channel).await.map(drop),
        api.member(channel).await.map(drop),
        api.send_document(channel, document(noise(100_000))).await.map(drop),
        api.forward(channel, MessageId(1), channel).await.map(drop),
        api.delete(channel, &[MessageId(77)]).await.map(drop),
        read.await,
    ];
    answers.into_iter().filter_map(Result::err).collect()
}

#[tokio::test]
async fn no_error_and_no_log_line_shows_a_token() {
    let deadline = Duration::from_secs(1);
    let mut settings = Settings::bots(1);
    settings.limits.link_life = Duration::ZERO;
    let scene = Scene::with(settings, |settings| {
        (settings.api.call, settings.api.first_byte) = (deadline, deadline);
        (settings.api.stall, settings.api.upload_answer) = (deadline, deadline);
    });
    let sent = scene.send(0, noise(60_000)).await.unwrap();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone());
    let _logging = tracing::subscriber::set_default(subscriber.finish());

    let mut errors = Vec::new();
    for trouble in [
        Trouble::Flood { seconds: 9 },
        Trouble::Status { code: 500 },
        Trouble::Unauthorized,
        Trouble::Forbidden,
        Trouble::Hang,
        Trouble::Reset,
        Trouble::LoseAnswer,
        Trouble::DropAfter { bytes: 5 },
    ] {
        scene.sim.world().clear_faults(scene.twin(0).id);
        scene.sim.world().fault(scene.twin(0).id, Fault::standing(Operation::Any, trouble));
        scene.pass(Duration::from_secs(60));
        // Not the fleet's wire: that would rest after the first of them.
        errors.extend(errors_of(&scene.api(0), &scene, &sent.file).await);
        let lease = scene.fleet.lease(scene.bot(0).id, crate::telegram::fleet::Purpose::Upkeep).await;
        errors.extend(match lease {
            Ok(lease) => lease.me().await.err(),
            Err(error) => Some(error),
        });
    }
    scene.sim.world().clear_faults(scene.twin(0).id);
    scene.sim.world().revoke(scene.twin(0).id).unwrap();
    errors.extend(errors_of(&scene.api(0), &scene, &sent.file).await);
    let api = scene.api(0);
    let token = scene.settings.bots[0].token.clone();
    scene.pass(Duration::from_secs(60));
    let test = scene.fleet.test(scene.bot(0).id).await.unwrap();
    let test = format!("{test:?} {}", serde_json::to_string(&test).unwrap());
    let shown = format!("{:?} {:?} {:?}", scene.settings, scene.fleet.bots(), scene.fleet.status());
    let sim = scene.sim.url();
    drop(scene.sim);
    let channel = scene.fleet.bots()[0].channel;
    errors.extend(api.chat(channel).await.err());
    errors.extend(api.send_document(channel, document(noise(10))).await.err());

    let (_, secret) = token.reveal().split_once(':').unwrap();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(errors.len() > 50 && log.contains("a bot is out"), "{} errors; {log}", errors.len());
    for text in errors.iter().map(text_of).chain([log, test, shown]) {
        for hidden in [secret, &secret[12..], "/bot", &format!("{sim}/")] {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}
