//! A fleet of Spiders in one process, to load a Ground Control on this machine.
//!
//!   swarm --server 127.0.0.1:8933 --password PW --pid PID [--nodes 1000] [--seconds 60]
//!         [--interval 1000] [--recording FILE]
//!
//! Speaks the real protocol. What the nodes send comes from a recording (lines
//! of `stardust-spider --stdout`), each node starting at another line; without
//! one it records this machine for ten seconds first. Prints the server's CPU a
//! sample (of `--pid`, by its scheduler's accounts), its memory a connection,
//! and the time from a sample to its acknowledgement.
//!
//! Loopback only, and it stops by itself.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use serde_json::{Value, json};
use stardust_shared::message::{Control, Hello};
use stardust_shared::{ABSENT, Kind, Layout, SeriesDef, State, layout, samples};

type Failure = Box<dyn std::error::Error>;

struct Options {
    server: SocketAddr,
    password: String,
    pid: u32,
    nodes: usize,
    seconds: u64,
    interval_ms: u64,
    recording: Option<String>,
}

/// Rows of values in the order of one list of series.
struct Recording {
    series: Vec<SeriesDef>,
    rows: Vec<Vec<i64>>,
}

enum Phase {
    Connecting,
    AwaitUpgrade,
    AwaitWelcome,
    Streaming,
}

struct Spider {
    stream: TcpStream,
    token: String,
    phase: Phase,
    incoming: Vec<u8>,
    outgoing: VecDeque<u8>,
    state: State,
    values: Vec<i64>,
    row: usize,
    due: Instant,
    started: bool,
    /// When samples were taken that are not acknowledged: sequence and time.
    waiting: VecDeque<(u64, Instant)>,
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    if !options.server.ip().is_loopback() {
        return Err("swarm: only a server on this machine, by its loopback address".into());
    }
    raise_file_limit();
    let recording = recording(&options)?;
    println!(
        "{} series in {} rows",
        recording.series.len(),
        recording.rows.len()
    );
    let tokens = add_nodes(&options)?;
    println!("{} nodes added", tokens.len());
    run(&options, &recording, tokens)
}

fn options() -> Result<Options, Failure> {
    let mut given: HashMap<String, String> = HashMap::new();
    let mut args = std::env::args().skip(1);
    while let Some(flag) = args.next() {
        let name = flag
            .strip_prefix("--")
            .ok_or("flags begin with --")?
            .to_string();
        given.insert(name, args.next().ok_or("every flag has a value")?);
    }
    let mut take = |name: &str| given.remove(name);
    let number = |text: Option<String>, default: u64| text.map_or(Ok(default), |t| t.parse());
    Ok(Options {
        server: take("server").ok_or("--server is missing")?.parse()?,
        password: take("password").ok_or("--password is missing")?,
        pid: take("pid").ok_or("--pid is missing")?.parse()?,
        nodes: number(take("nodes"), 1_000)? as usize,
        seconds: number(take("seconds"), 60)?,
        interval_ms: number(take("interval"), 1_000)?.max(200),
        recording: take("recording"),
    })
}

fn raise_file_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both calls only read and write the rlimit that they are given.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}

fn recording(options: &Options) -> Result<Recording, Failure> {
    let Some(path) = &options.recording else {
        return Ok(record_here());
    };
    let text = std::fs::read_to_string(path)?;
    let lines = text
        .lines()
        .map(serde_json::from_str::<Value>)
        .collect::<Result<Vec<_>, _>>()?;
    let first = lines.first().and_then(|line| line["series"].as_object());
    let keys: Vec<String> = first
        .ok_or("the recording is empty")?
        .keys()
        .cloned()
        .collect();
    let series = keys.iter().map(|key| definition(key)).collect();
    let rows = lines
        .iter()
        .map(|line| {
            keys.iter()
                .map(|key| line["series"][key].as_i64().unwrap_or(ABSENT))
                .collect()
        })
        .collect();
    Ok(Recording { series, rows })
}

fn definition(key: &str) -> SeriesDef {
    // What the labels say is in the key; that there are some, the codec wants to know.
    let labels: &[(&str, &str)] = if key.contains('{') { &[("", "")] } else { &[] };
    let mut series = SeriesDef::new(stardust_shared::series::name_of(key), labels);
    series.key = key.into();
    series
}

fn record_here() -> Recording {
    let mut sampler = stardust_spider::collect::Sampler::new(stardust_spider::root::Root::new("/"));
    let series = sampler.collect().series().to_vec();
    let mut rows = Vec::new();
    for _ in 0..20 {
        std::thread::sleep(Duration::from_millis(500));
        let values = sampler.collect().values();
        if values.len() == series.len() {
            rows.push(values.to_vec());
        }
    }
    Recording { series, rows }
}

/// One HTTP request; the server ends the connection after its answer.
fn call(
    server: SocketAddr,
    method: &str,
    path: &str,
    bearer: &str,
    body: &Value,
) -> Result<Value, Failure> {
    let body = body.to_string();
    let mut stream = std::net::TcpStream::connect(server)?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    if !head.starts_with("HTTP/1.1 20") {
        return Err(format!("{method} {path}: {body}").into());
    }
    Ok(serde_json::from_str(body)?)
}

fn add_nodes(options: &Options) -> Result<Vec<String>, Failure> {
    let login = json!({"user": "admin", "password": options.password});
    let session = call(options.server, "POST", "/api/auth/login", "none", &login)?;
    let bearer = session["token"].as_str().ok_or("no token")?;
    let run = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    (0..options.nodes)
        .map(|n| {
            let body = json!({"name": format!("swarm-{run}-{n}"), "tags": ["swarm"]});
            let node = call(options.server, "POST", "/api/nodes", bearer, &body)?;
            Ok(node["token"].as_str().ok_or("no node token")?.to_string())
        })
        .collect()
}

fn wall_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_millis() as i64)
}

/// Many source addresses, so that the ports of one are not used up.
fn connect(server: SocketAddr, n: usize) -> io::Result<TcpStream> {
    let IpAddr::V4(_) = server.ip() else {
        return TcpStream::connect(server);
    };
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    let source = [
        127,
        1 + (n / 2_500) as u8,
        (n / 250 % 250) as u8,
        1 + (n % 250) as u8,
    ];
    socket.bind(&SocketAddr::from((source, 0)).into())?;
    socket.set_nonblocking(true)?;
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    Ok(TcpStream::from_std(socket.into()))
}

struct Figures {
    samples: u64,
    acknowledged: u64,
    latency: Duration,
    latency_max: Duration,
    closed: u64,
}

fn run(options: &Options, recording: &Recording, tokens: Vec<String>) -> Result<(), Failure> {
    let memory_before = memory_kb(options.pid)?;
    let mut poll = Poll::new()?;
    let list = Layout::new(1, recording.series.clone());
    let interval = Duration::from_millis(options.interval_ms);
    let begin = Instant::now();
    let mut spiders = Vec::with_capacity(tokens.len());
    for (n, token) in tokens.into_iter().enumerate() {
        let mut stream = connect(options.server, n)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(n), interest)?;
        spiders.push(Spider {
            stream,
            token,
            phase: Phase::Connecting,
            incoming: Vec::new(),
            outgoing: VecDeque::new(),
            state: State::default(),
            values: recording.rows[n % recording.rows.len()].clone(),
            row: n % recording.rows.len(),
            // Spread over the interval, as real fleets are.
            due: begin + interval.mul_f64(n as f64 / options.nodes as f64),
            started: false,
            waiting: VecDeque::new(),
        });
    }
    let mut events = Events::with_capacity(4_096);
    let mut figures = Figures {
        samples: 0,
        acknowledged: 0,
        latency: Duration::ZERO,
        latency_max: Duration::ZERO,
        closed: 0,
    };
    // The first ten seconds are the connecting and the first commit.
    let warm = begin + Duration::from_secs(10);
    let end = warm + Duration::from_secs(options.seconds);
    let mut measured: Option<(u64, u64, Instant)> = None;
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= warm && measured.is_none() {
            measured = Some((cpu_ns(options.pid)?, figures.samples, now));
        }
        poll.poll(&mut events, Some(Duration::from_millis(5)))?;
        for event in &events {
            let index = event.token().0;
            if serve(&mut spiders[index], options, &mut figures).is_err() {
                figures.closed += 1;
            }
        }
        let now = Instant::now();
        for spider in &mut spiders {
            if matches!(spider.phase, Phase::Streaming) && now >= spider.due {
                spider.due += interval;
                sample(spider, recording, &list, now);
                figures.samples += 1;
                if flush(spider).is_err() {
                    figures.closed += 1;
                }
            }
        }
    }
    let (cpu_before, samples_before, since) = measured.ok_or("too short")?;
    let samples = (figures.samples - samples_before).max(1);
    let cpu = cpu_ns(options.pid)? - cpu_before;
    let online = spiders
        .iter()
        .filter(|s| matches!(s.phase, Phase::Streaming))
        .count();
    let memory = memory_kb(options.pid)?;
    println!(
        "online {online} of {}, closed {}",
        spiders.len(),
        figures.closed
    );
    println!(
        "samples/s {:.0}",
        samples as f64 / since.elapsed().as_secs_f64()
    );
    println!(
        "server CPU per sample {:.2} us",
        cpu as f64 / samples as f64 / 1_000.0
    );
    println!(
        "server CPU {:.1} % of a core",
        cpu as f64 / since.elapsed().as_nanos() as f64 * 100.0
    );
    println!(
        "server memory {memory} KB, {:.1} KB per connection",
        (memory as f64 - memory_before as f64) / spiders.len() as f64
    );
    println!(
        "sample to acknowledgement: mean {:?}, longest {:?} ({} acknowledged)",
        figures.latency / figures.acknowledged.max(1) as u32,
        figures.latency_max,
        figures.acknowledged
    );
    Ok(())
}

fn serve(spider: &mut Spider, options: &Options, figures: &mut Figures) -> io::Result<()> {
    if matches!(spider.phase, Phase::Connecting) {
        if let Ok(Some(error)) = spider.stream.take_error() {
            return Err(error);
        }
        if spider.stream.peer_addr().is_err() {
            return Ok(());
        }
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: stardust.v1\r\nAuthorization: Bearer {}\r\n\r\n",
            options.server, spider.token
        );
        spider.outgoing.extend(request.as_bytes());
        spider.phase = Phase::AwaitUpgrade;
    }
    flush(spider)?;
    let mut buffer = [0; 4_096];
    loop {
        match spider.stream.read(&mut buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => spider.incoming.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    if matches!(spider.phase, Phase::AwaitUpgrade) {
        let Some(at) = spider.incoming.windows(4).position(|w| w == b"\r\n\r\n") else {
            return Ok(());
        };
        if !spider.incoming.starts_with(b"HTTP/1.1 101") {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        spider.incoming.drain(..at + 4);
        let hello = Hello {
            kind: Hello::KIND.into(),
            protocol: 1,
            version: "0.1.0".into(),
            run: spider.token[..16].into(),
            boot_id: "swarm".into(),
            oldest_seq: 0,
            newest_seq: 0,
            interval_ms: options.interval_ms,
            outage: None,
            identity: Default::default(),
        };
        frame(&mut spider.outgoing, 1, hello.encode().as_bytes());
        spider.phase = Phase::AwaitWelcome;
    }
    while let Some((opcode, payload)) = take_frame(&mut spider.incoming) {
        match opcode {
            1 => control(spider, &payload, figures),
            9 => frame(&mut spider.outgoing, 10, &payload),
            8 => return Err(io::ErrorKind::ConnectionAborted.into()),
            _ => {}
        }
    }
    flush(spider)
}

fn control(spider: &mut Spider, payload: &[u8], figures: &mut Figures) {
    let Ok(control) = Control::decode(&String::from_utf8_lossy(payload)) else {
        return;
    };
    if control.kind == Control::WELCOME {
        spider.phase = Phase::Streaming;
    }
    if control.kind == Control::ACK {
        let seq = control.seq.unwrap_or(0);
        while let Some((_, taken)) = spider.waiting.pop_front_if(|(waiting, _)| *waiting <= seq) {
            let latency = taken.elapsed();
            figures.acknowledged += 1;
            figures.latency += latency;
            figures.latency_max = figures.latency_max.max(latency);
        }
    }
}

/// The next row: gauges as recorded, counters grown by what they grew there.
fn sample(spider: &mut Spider, recording: &Recording, list: &Layout, now: Instant) {
    let before = &recording.rows[spider.row];
    spider.row = (spider.row + 1) % recording.rows.len();
    let next = &recording.rows[spider.row];
    for (n, series) in recording.series.iter().enumerate() {
        spider.values[n] = match series.kind {
            Kind::Counter if spider.values[n] != ABSENT && next[n] != ABSENT => {
                spider.values[n] + (next[n] - before[n]).max(0)
            }
            _ => next[n],
        };
    }
    let mut message = Vec::with_capacity(64);
    if !spider.started {
        spider.started = true;
        let mut layout_message = Vec::new();
        list.encode(&mut layout_message);
        debug_assert_eq!(layout_message[0], layout::KIND_LAYOUT);
        frame(&mut spider.outgoing, 2, &layout_message);
        message.push(samples::KIND_SAMPLES);
        spider.state.start(list, 1, wall_ms(), &spider.values);
        spider.state.encode_keyframe(list, 0, &mut message);
    } else {
        message.push(samples::KIND_SAMPLES);
        let seq = spider.state.seq + 1;
        spider
            .state
            .encode_delta(list, seq, wall_ms(), &spider.values, &mut message);
    }
    spider.waiting.push_back((spider.state.seq, now));
    frame(&mut spider.outgoing, 2, &message);
}

/// A masked frame whose mask is zero: the payload goes as it is.
fn frame(out: &mut VecDeque<u8>, opcode: u8, payload: &[u8]) {
    out.push_back(0x80 | opcode);
    match payload.len() {
        length @ 0..126 => out.push_back(0x80 | length as u8),
        length => {
            out.push_back(0x80 | 126);
            out.extend((length as u16).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(payload);
}

fn take_frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (length, head) = match second & 0x7f {
        126 => (
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
            4,
        ),
        length => (usize::from(length), 2),
    };
    if bytes.len() < head + length {
        return None;
    }
    let payload = bytes[head..head + length].to_vec();
    bytes.drain(..head + length);
    Some((first & 0x0f, payload))
}

fn flush(spider: &mut Spider) -> io::Result<()> {
    while !spider.outgoing.is_empty() {
        let (chunk, _) = spider.outgoing.as_slices();
        match spider.stream.write(chunk) {
            Ok(count) => drop(spider.outgoing.drain(..count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// CPU time of all threads of `pid`.
fn cpu_ns(pid: u32) -> Result<u64, Failure> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
        sum += text.split(' ').next().ok_or("schedstat")?.parse::<u64>()?;
    }
    Ok(sum)
}

fn memory_kb(pid: u32) -> Result<u64, Failure> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text
        .lines()
        .find(|line| line.starts_with("Private_Dirty:"))
        .ok_or("smaps")?;
    Ok(line.split_whitespace().nth(1).ok_or("smaps")?.parse()?)
}
