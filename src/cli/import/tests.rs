use super::*;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

const TOKEN: &str = "the-owner's-token";

fn is_owner(request: &HttpRequest) -> bool {
    request.headers().get("authorization").is_some_and(|sent| sent == &format!("Bearer {TOKEN}"))
}

async fn check(request: HttpRequest) -> HttpResponse {
    if is_owner(&request) { HttpResponse::NoContent() } else { HttpResponse::Unauthorized() }.finish()
}

/// Answers as the API does: by the name of the file, and ready at the third question.
async fn imports(request: HttpRequest, order: web::Json<Value>) -> HttpResponse {
    if !is_owner(&request) {
        return HttpResponse::Unauthorized().json(json!({ "title": "no token" }));
    }
    let name = Path::new(order["path"].as_str().unwrap()).file_stem().unwrap().to_str().unwrap().to_owned();
    match (name.as_str(), order["again"].as_bool().unwrap()) {
        ("known", false) => HttpResponse::Conflict().json(json!({ "detail": "already in the library" })),
        ("text", _) => HttpResponse::UnprocessableEntity().json(json!({ "detail": "no video in it" })),
        ("odd", _) => HttpResponse::InternalServerError().body("<html>"),
        _ => HttpResponse::Accepted().json(json!({ "video_id": name })),
    }
}

async fn status(video: web::Path<String>, asked: web::Data<AtomicU32>) -> HttpResponse {
    let (state, stage, error) = match video.as_str() {
        "late" => ("failed", Some("refused"), Some("every frame is broken")),
        "bad" => ("failed", Some("transcode"), Some("the encoder died")),
        _ if asked.fetch_add(1, Ordering::Relaxed) < 2 => ("processing", Some("transcode"), None),
        _ => ("ready", None, None),
    };
    let fraction = 0.5;
    HttpResponse::Ok().json(json!({ "state": state, "stage": stage, "fraction": fraction, "eta_seconds": 3,
        "playable": false, "error": error }))
}

async fn video() -> HttpResponse {
    let planned = json!([
        { "kind": "video", "method": "copied", "why": "H.264 plays", "turn": "first", "width": 1280, "height": 720 },
        { "kind": "audio", "method": "encoded", "why": "for all", "turn": "later", "channels": 2, "language": "de" },
    ]);
    HttpResponse::Ok().json(json!({ "planned": planned, "left_out": ["Subtitles are pictures."] }))
}

/// A server on a free port, alive as long as its runtime.
fn serve() -> RunningServer {
    let asked = web::Data::new(AtomicU32::new(0));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(asked.clone())
            .route("/healthz", web::get().to(HttpResponse::Ok))
            .route("/api/imports", web::get().to(check))
            .route("/api/imports", web::post().to(imports))
            .route("/api/videos/{id}/status", web::get().to(status))
            .route("/api/videos/{id}", web::get().to(video))
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    RunningServer { address, token: TOKEN.to_owned() }
}

async fn rows(server: &RunningServer, import: &Import) -> Vec<(String, Outcome, String)> {
    let rows = import.take_in(server, &View::of_terminal()).await.unwrap();
    let name = |row: &Row| row.file.file_name().unwrap().to_str().unwrap().to_owned();
    rows.into_iter().map(|row| (name(&row), row.outcome, row.story.join("; "))).collect()
}

fn folder(names: &[&str]) -> (tempfile::TempDir, Import) {
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let import = Import { paths: vec![folder.path().to_owned()], again: false, strict: false };
    (folder, import)
}

#[tokio::test]
async fn every_file_of_a_folder_ends_in_one_row_with_its_story() {
    let (_folder, mut import) = folder(&["bad.mp4", "film.mkv", "known.mp4", "late.avi", "odd.mp4", "text.txt"]);
    let server = serve();

    let found = rows(&server, &import).await;

    let story = "video 1280 × 720 copied: H.264 plays; then audio de, 2 channels, encoded: for all; \
                 left out: Subtitles are pictures.";
    let expected = [
        ("bad.mp4", Outcome::Failed, "the encoder died"),
        ("film.mkv", Outcome::Ready, story),
        ("known.mp4", Outcome::Known, "already in the library"),
        ("late.avi", Outcome::Refused, "every frame is broken"),
        ("odd.mp4", Outcome::Failed, "the server answered 500: it gave no reason"),
        ("text.txt", Outcome::Refused, "no video in it"),
    ];
    assert_eq!(found, expected.map(|(file, outcome, what)| (file.to_owned(), outcome, what.to_owned())));

    import.again = true;
    assert_eq!(rows(&server, &import).await[2].1, Outcome::Ready);
}

#[tokio::test]
async fn a_wrong_token_fails_every_file_and_says_so() {
    let (_folder, import) = folder(&["film.mkv"]);
    let server = RunningServer { token: "guess".to_owned(), ..serve() };
    let expected = ("film.mkv".to_owned(), Outcome::Failed, "the server answered 401: no token".to_owned());
    assert_eq!(rows(&server, &import).await, [expected]);
}

#[tokio::test]
async fn a_server_is_found_by_its_file_unless_it_is_gone() {
    let data = tempfile::tempdir().unwrap();
    assert!(RunningServer::find(data.path()).await.unwrap().is_none());

    let write = |text: String| std::fs::write(data.path().join("server.json"), text).unwrap();
    let server = serve();
    write(json!({ "address": server.address, "token": TOKEN }).to_string());
    let found = RunningServer::find(data.path()).await.unwrap().unwrap();
    assert_eq!((found.address, found.token.as_str()), (server.address, TOKEN));
    assert!(!format!("{found:?}").contains(TOKEN));

    // Killed, and another server took the port.
    write(json!({ "address": server.address, "token": "of a server that was killed" }).to_string());
    assert!(RunningServer::find(data.path()).await.unwrap().is_none());

    // A port that was free a moment ago: nobody listens there.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    write(json!({ "address": gone, "token": TOKEN }).to_string());
    assert!(RunningServer::find(data.path()).await.unwrap().is_none());

    write("{".to_owned());
    assert!(RunningServer::find(data.path()).await.unwrap_err().to_string().contains("remove it"));
}

#[test]
fn a_refused_file_is_no_failure_unless_strict() {
    let row = |outcome| Row { file: "x".into(), outcome, story: Vec::new(), elapsed: POLL };
    let (_folder, mut import) = folder(&[]);
    let code = |import: &Import, outcome| format!("{:?}", import.verdict(&[row(Outcome::Ready), row(outcome)]));
    let (good, bad) = (format!("{:?}", ExitCode::SUCCESS), format!("{:?}", ExitCode::FAILURE));
    assert_eq!(code(&import, Outcome::Refused), good);
    assert_eq!(code(&import, Outcome::Known), good);
    assert_eq!(code(&import, Outcome::Failed), bad);
    import.strict = true;
    assert_eq!(code(&import, Outcome::Refused), bad);
}
