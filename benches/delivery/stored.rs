//! A film that lies with eight simulated bots, and the server that gives it out.

use crate::stage::Server;
use crate::{Plan, film};
use std::path::PathBuf;
use telegram_sim::{Settings, Simulator, environment};

/// The server is pinned to its core, and has nothing left to do.
pub struct Stored {
    pub sim: Simulator,
    pub server: Server,
    pub video: String,
    data: PathBuf,
}

impl Stored {
    /// A film of so many segments of about this size; `name` is that of the server's folder.
    pub async fn made(
        plan: &Plan,
        name: &str,
        bots: Settings,
        settings: &[(&str, &str)],
        mib: u64,
        count: u64,
    ) -> Self {
        let data = plan.folder.join(name);
        std::fs::create_dir(&data).unwrap();
        let film = film::of_segments(&plan.folder, mib, count);
        let sim = Simulator::start(bots).unwrap();
        let environment = environment(&sim.url(), &sim.world().bots());
        let usual = [
            ("TELEGRAM_MESSAGES_PER_MINUTE", "3000"),
            ("LOG_LEVEL", "info,actix_server=warn"),
            ("ENABLE_ABR", "false"),
            ("COPY_MODE_MIN_SIZE", "1"),
        ];
        let bots = environment.lines().filter_map(|line| line.split_once('='));
        let settings: Vec<(&str, &str)> = bots.chain(usual).chain(settings.iter().copied()).collect();
        let server = Server::start(&data, settings.clone());
        let video = server.import(&film).await;
        server.until(&video, |status| status["protected"] == true).await;
        server.rest().await;
        std::fs::remove_file(film).unwrap();
        server.stop();

        let server = Server::start_on(plan.server_core, &data, settings);
        server.rest().await;
        Self { sim, server, video, data }
    }

    /// Its room is given back.
    pub fn end(self) {
        self.server.stop();
        std::fs::remove_dir_all(self.data).unwrap();
    }
}
