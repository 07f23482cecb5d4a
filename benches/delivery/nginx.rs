//! What the server is compared with: nginx with one worker on one core, told to be good at this.

use crate::stage;
use std::fmt::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running nginx; it ends when it is dropped.
pub struct Nginx {
    master: Child,
    worker: u32,
    root: PathBuf,
    pub address: SocketAddr,
}

impl Nginx {
    /// On this core, with what it serves and takes in a folder of its own.
    pub fn start(core: usize, folder: &Path) -> Self {
        let home = folder.join("nginx");
        let root = home.join("root");
        for place in ["root/segments", "root/lists", "root/put", "temporary"] {
            std::fs::create_dir_all(home.join(place)).unwrap();
        }
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let config = home.join("nginx.conf");
        std::fs::write(&config, configuration(address, &root)).unwrap();
        let path = format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new("taskset");
        command.args(["-c", &core.to_string(), "nginx", "-e", "stderr", "-p"]).arg(&home).arg("-c").arg(config);
        let master = command.env("PATH", path).stderr(Stdio::inherit()).spawn().unwrap();
        let mut nginx = Self { master, worker: 0, root, address };
        nginx.worker = nginx.find_worker();
        nginx
    }

    fn find_worker(&mut self) -> u32 {
        loop {
            let ended = self.master.try_wait().unwrap();
            assert!(ended.is_none(), "nginx did not start; `make bench` installs it where it is missing");
            let master = self.master.id();
            let children = std::fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
            let worker = children.unwrap_or_default().split_whitespace().next().and_then(|pid| pid.parse().ok());
            if let (Some(worker), Ok(_)) = (worker, TcpStream::connect(self.address)) {
                return worker;
            }
            std::thread::sleep(stage::LOOK);
        }
    }

    /// Has these bytes served at this path.
    pub fn keep(&self, path: &str, bytes: &[u8]) {
        std::fs::write(self.root.join(path.trim_start_matches('/')), bytes).unwrap();
    }

    /// Removes what was put at this path.
    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.root.join(path.trim_start_matches('/'))).unwrap();
    }

    /// The process that does the work.
    pub fn pid(&self) -> u32 {
        self.worker
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        stage::end(&mut self.master);
    }
}

fn configuration(address: SocketAddr, root: &Path) -> String {
    let mut text = String::new();
    // As root it would go on as a user who cannot look into this folder.
    if rustix::process::geteuid().is_root() {
        text.push_str("user root;\n");
    }
    let root = root.display();
    write!(
        text,
        "worker_processes 1; daemon off; pid nginx.pid; error_log stderr;
events {{ worker_connections 4096; }}
http {{
  access_log off; default_type video/mp4; etag on;
  types {{ application/vnd.apple.mpegurl m3u8; }}
  keepalive_requests 1000000000; keepalive_timeout 75s; tcp_nodelay on; tcp_nopush on;
  open_file_cache max=10000; open_file_cache_valid 3600s;
  client_body_temp_path temporary; client_max_body_size 0; client_body_buffer_size 1m;
  server {{
    listen {address} backlog=4096; root {root};
    location /segments/ {{ sendfile on; }}
    location /lists/ {{ sendfile off; gzip_static on; gzip_vary on; }}
    location /put/ {{ dav_methods PUT; }}
  }}
}}
"
    )
    .unwrap();
    text
}
