//! The face for people and scripts: JSON under `/sim/`, to look into the world and to break it.
//!
//! Bots are told by the number they have in the environment (`TELEGRAM_BOT_TOKEN_1` is bot 1).
//! Tokens are never shown here. What each path takes is in the crate's README.

use crate::World;
use crate::world::fault::{Fault, Operation, Trouble};
use crate::world::state::{Bot, ChannelId, MessageId};
use actix_web::error::{InternalError, JsonPayloadError};
use actix_web::web::{self, Data, Json, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::time::Duration;

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config.app_data(web::JsonConfig::default().error_handler(unreadable)).service(
        web::scope("/sim")
            .route("/state", web::get().to(state))
            .route("/fault", web::post().to(fault))
            .route("/clear", web::post().to(clear))
            .route("/lose", web::post().to(lose))
            .route("/revoke", web::post().to(revoke))
            .route("/ban", web::post().to(ban))
            .route("/drop", web::post().to(drop_channel))
            .route("/advance", web::post().to(advance))
            .default_service(web::to(nothing_here)),
    );
}

/// Why a request does nothing, as status and sentence.
struct Refused(u16, String);

type Outcome = Result<Json<Value>, Refused>;

impl From<Refused> for actix_web::Error {
    fn from(Refused(status, sentence): Refused) -> Self {
        InternalError::from_response("", sorry(status, &sentence)).into()
    }
}

fn sorry(status: u16, sentence: &str) -> HttpResponse {
    let status = actix_web::http::StatusCode::from_u16(status).expect("a status of this file");
    HttpResponse::build(status).json(json!({ "error": sentence }))
}

fn unreadable(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    Refused(400, format!("the body is not what this path takes: {error}; see tests/telegram-sim/README.md")).into()
}

async fn nothing_here() -> HttpResponse {
    sorry(404, "there are GET /sim/state and POST /sim/fault, clear, lose, revoke, ban, drop and advance")
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FaultOrder {
    /// Counted from one; none: every bot.
    bot: Option<usize>,
    operation: Operation,
    trouble: Trouble,
    /// None: until it is cleared.
    times: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SomeBots {
    bot: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneBot {
    bot: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BotInChannel {
    bot: usize,
    /// None: its own.
    channel: Option<ChannelId>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneMessage {
    channel: ChannelId,
    message: MessageId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneChannel {
    channel: ChannelId,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    seconds: u32,
}

async fn state(world: Data<World>) -> Json<Value> {
    let bots = world.bots().into_iter().zip(1..).map(|(bot, number): (Bot, usize)| {
        json!({
            "bot": number,
            "id": bot.id,
            "username": bot.username,
            "channel": bot.channel,
            "revoked": world.bot_with(&bot.token).is_err(),
            "faults": world.faults(bot.id),
            "counters": world.counters(bot.id),
        })
    });
    let bots: Value = bots.collect();
    let channels = world.channels().into_iter().map(|(channel, title)| {
        let messages: Vec<Value> = world.messages(channel).iter().map(message).collect();
        json!({ "channel": channel, "title": title, "messages": messages })
    });
    let channels: Value = channels.collect();
    Json(json!({ "now": world.now_ms() / 1000, "bots": bots, "channels": channels }))
}

fn message(message: &crate::StoredMessage) -> Value {
    let document = message.document.as_ref();
    json!({
        "message": message.id,
        "date": message.date,
        "text": message.text,
        "caption": message.caption,
        "bytes": document.map(|document| document.size),
        "blake3": document.map(|document| &document.blake3),
    })
}

async fn fault(world: Data<World>, order: Json<FaultOrder>) -> Outcome {
    let FaultOrder { bot, operation, trouble, times } = order.into_inner();
    if times == Some(0) {
        return Err(Refused(400, "\"times\" must be at least 1; leave it out for a fault that stays".to_owned()));
    }
    trouble.check().map_err(|why| Refused(400, why.to_owned()))?;
    let fault = match times {
        Some(times) => Fault::times(times, operation, trouble),
        None => Fault::standing(operation, trouble),
    };
    for bot in chosen(&world, bot)? {
        world.fault(bot.id, fault.clone());
    }
    done()
}

async fn clear(world: Data<World>, order: Json<SomeBots>) -> Outcome {
    for bot in chosen(&world, order.bot)? {
        world.clear_faults(bot.id);
    }
    done()
}

async fn lose(world: Data<World>, order: Json<OneMessage>) -> Outcome {
    match world.lose_message(order.channel, order.message) {
        Ok(true) => done(),
        Ok(false) => Err(Refused(404, "the channel holds no such message; GET /sim/state lists them".to_owned())),
        Err(error) => Err(broken(&error)),
    }
}

async fn revoke(world: Data<World>, order: Json<OneBot>) -> Outcome {
    world.revoke(one(&world, order.bot)?.id).map_err(|error| broken(&error))?;
    done()
}

async fn ban(world: Data<World>, order: Json<BotInChannel>) -> Outcome {
    let bot = one(&world, order.bot)?;
    let channel = order.channel.unwrap_or(bot.channel);
    check_channel(&world, channel)?;
    world.ban(bot.id, channel).map_err(|error| broken(&error))?;
    done()
}

async fn drop_channel(world: Data<World>, order: Json<OneChannel>) -> Outcome {
    check_channel(&world, order.channel)?;
    world.drop_channel(order.channel).map_err(|error| broken(&error))?;
    done()
}

async fn advance(world: Data<World>, order: Json<Step>) -> Outcome {
    world.advance(Duration::from_secs(u64::from(order.seconds))).map_err(|error| broken(&error))?;
    done()
}

fn done() -> Outcome {
    Ok(Json(json!({ "ok": true })))
}

fn broken(error: &io::Error) -> Refused {
    Refused(500, format!("the simulator could not write it down: {error}"))
}

fn check_channel(world: &World, channel: ChannelId) -> Result<(), Refused> {
    if world.channels().iter().any(|(known, _)| *known == channel) {
        return Ok(());
    }
    Err(Refused(404, "there is no such channel; GET /sim/state lists them".to_owned()))
}

fn one(world: &World, number: usize) -> Result<Bot, Refused> {
    let found = number.checked_sub(1).and_then(|place| world.bots().into_iter().nth(place));
    found.ok_or_else(|| Refused(404, format!("there is no bot {number}; GET /sim/state lists them")))
}

/// The bot of this number, or all of them.
fn chosen(world: &World, number: Option<usize>) -> Result<Vec<Bot>, Refused> {
    match number {
        Some(number) => Ok(vec![one(world, number)?]),
        None => Ok(world.bots()),
    }
}
