//! Jobs of a plan on a real Slurm: Debian's slurmctld and three slurmd on the loopback addresses of this machine.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

mod toy;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use toy::{Toy, contents};

const RESULTS: [&str; 3] = ["adapter/", "predictions.parquet", "metrics.json"];
const NODES: [&str; 3] = ["n1", "n2", "n3"];

/// Slurm's daemons, which end with this.
struct Cluster {
    folder: tempfile::TempDir,
}

impl Cluster {
    fn start() -> Self {
        let cluster = Self {
            folder: tempfile::Builder::new()
                .prefix("slurm")
                .tempdir_in("/tmp")
                .unwrap(),
        };
        let at = |name: &str| cluster.folder.path().join(name);
        for name in ["munge", "state", "log", "run"] {
            fs::create_dir(at(name)).unwrap();
        }
        set_mode(cluster.folder.path(), 0o755);
        set_mode(&at("munge"), 0o711);
        let key: Vec<u8> = (0..1024u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        fs::write(at("munge/munge.key"), key).unwrap();
        set_mode(&at("munge/munge.key"), 0o400);
        let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        let name = name.trim().split('.').next().unwrap();
        // All open at once, so that no two are the same.
        let listeners: Vec<TcpListener> = (0..4)
            .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
            .collect();
        let ports: Vec<u16> = listeners
            .iter()
            .map(|l| l.local_addr().unwrap().port())
            .collect();
        drop(listeners);
        let folder = cluster.folder.path().display().to_string();
        let mut config = format!(
            "ClusterName=toy\nSlurmctldHost={name}(127.0.0.1)\nSlurmctldPort={}\nSlurmUser=root\nSlurmdUser=root\n\
             AuthType=auth/munge\nAuthInfo=socket={folder}/munge/munge.socket,cred_expire=10\nCredType=cred/munge\n\
             CommunicationParameters=NoCtldInAddrAny,NoInAddrAny\nMpiDefault=none\nProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\nSwitchType=switch/none\nSelectType=select/cons_tres\n\
             SelectTypeParameters=CR_CPU_Memory\nSchedulerType=sched/backfill\n\
             SchedulerParameters=sched_interval=2,bf_interval=2,batch_sched_delay=1\n\
             JobAcctGatherType=jobacct_gather/none\nAccountingStorageType=accounting_storage/none\nJobRequeue=1\n\
             ReturnToService=2\nSlurmdParameters=config_overrides\nSlurmctldTimeout=30\nSlurmdTimeout=10\nMinJobAge=600\n\
             KillWait=5\nStateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool.%n\n\
             SlurmctldPidFile={folder}/run/slurmctld.pid\nSlurmdPidFile={folder}/run/slurmd.%n.pid\n\
             SlurmctldLogFile={folder}/log/slurmctld.log\nSlurmdLogFile={folder}/log/slurmd.%n.log\n",
            ports[0]
        );
        for (node, port) in NODES.iter().zip(&ports[1..]) {
            config += &format!(
                "NodeName={node} NodeHostname={name} NodeAddr=127.0.0.1 Port={port} CPUs=2 RealMemory=2000 State=UNKNOWN\n"
            );
        }
        config += "PartitionName=main Nodes=n[1-3] Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO\n";
        fs::write(at("slurm.conf"), config).unwrap();
        let munge = |name: &str| format!("{folder}/munge/{name}");
        cluster.ok(
            "munged",
            &[
                &format!("--socket={}", munge("munge.socket")),
                &format!("--key-file={}", munge("munge.key")),
                &format!("--pid-file={}", munge("munged.pid")),
                &format!("--log-file={}", munge("munged.log")),
                &format!("--seed-file={}", munge("munged.seed")),
                "--num-threads=2",
                "--force",
            ],
        );
        cluster.ok("slurmctld", &[]);
        for node in NODES {
            cluster.slurmd(node);
        }
        cluster.wait("idle nodes", 60, || {
            let told = cluster.text("sinfo", &["--noheader", "--format=%D %t"]);
            told.lines().any(|line| line.trim() == "3 idle")
        });
        cluster
    }

    fn slurmd(&self, node: &str) {
        self.ok("slurmd", &["-N", node]);
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.folder.path().join("slurm.conf"));
        command
    }

    fn ok(&self, program: &str, arguments: &[&str]) {
        let status = self
            .command(program)
            .args(arguments)
            .stdout(Stdio::null())
            .status();
        assert!(status.unwrap().success(), "{program}");
    }

    fn text(&self, program: &str, arguments: &[&str]) -> String {
        let output = self.command(program).args(arguments).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn pid(&self, name: &str) -> Option<String> {
        let text = fs::read_to_string(self.folder.path().join(name)).ok()?;
        Some(text.trim().to_owned())
    }

    fn wait(&self, what: &str, seconds: u64, is_so: impl Fn() -> bool) {
        let until = Instant::now() + Duration::from_secs(seconds);
        while !is_so() {
            let queue = || self.text("squeue", &["--array"]);
            assert!(Instant::now() < until, "no {what}:\n{}", queue());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.command("scancel").args(["--user=root"]).status();
        let daemons = [
            "run/slurmd.n1.pid",
            "run/slurmd.n2.pid",
            "run/slurmd.n3.pid",
            "run/slurmctld.pid",
        ];
        for pid in daemons
            .into_iter()
            .chain(["munge/munged.pid"])
            .filter_map(|name| self.pid(name))
        {
            kill("KILL", &pid);
        }
        // What has no daemon any more.
        let ours = self.folder.path().display().to_string();
        let _ = Command::new("pkill")
            .args(["-9", "-f", &format!("slurmstepd.*{ours}")])
            .status();
    }
}

fn kill(signal: &str, pid: &str) {
    let _ = Command::new("kill")
        .args(["-s", signal, pid])
        .stderr(Stdio::null())
        .status();
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

const PIPELINE: &str = "\
lingo: 1
name: cluster
model:
  pretrain:
    { fasta: left.fa, scheme: base, hidden: 16, layers: 1, heads: 2, feed_forward: 32, window: 16, batch: 8, steps: 20,
      held_out: 0.1 }
tasks:
  left: &left
    ingest:
      source: { bed: { fasta: left.fa, beds: [left.bed], label: { column: 5 } } }
      split: { chromosomes: { dev: [b], test: [c] } }
  bad:
    ingest:
      source: { bed: { fasta: left.fa, beds: [bad.bed], label: { column: 5 } } }
      split: { chromosomes: { dev: [b], test: [c] } }
tokenize: { scheme: base }
methods:
  head: { head: {} }
  lora: { lora: { rank: 2 } }
  long: { lora: { rank: 2 }, train: { epochs: 1500 } }
train: { epochs: 2, batch: 8, learning_rate: 0.001 }
evaluate: { resamples: 200 }
seeds: [1, 2]
";

fn states(toy: &Toy) -> Vec<(String, String)> {
    let status: Value =
        serde_json::from_str(&toy.ok(&["status", "plan", "--json"]).stdout).unwrap();
    let jobs = status["jobs"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    jobs.iter()
        .map(|job| (text(&job["label"]), text(&job["state"])))
        .collect()
}

/// Where the tries at cells are, by the number of the process at work.
fn tries(toy: &Toy) -> Vec<PathBuf> {
    let ids = fs::read_dir(toy.path("plan/.work"))
        .into_iter()
        .flatten()
        .flatten();
    let tries = ids.flat_map(|id| fs::read_dir(id.path()).into_iter().flatten().flatten());
    tries
        .map(|one| one.path())
        .filter(|one| toy::has_checkpoint(one))
        .collect()
}

#[test]
#[ignore = "starts munged, slurmctld and slurmd (Debian's munge, slurmctld, slurmd, slurm-client), as root"]
fn a_plan_is_done_on_a_cluster_whose_node_is_lost() {
    let cluster = Cluster::start();
    let toy = Toy::new();
    toy.write("cluster.yaml", PIPELINE);
    toy.write("bad.bed", "nowhere\t10\t30\tx\t1\n");
    toy.write(
        "site.yaml",
        "partition: main\ncheckpoint_every: '200'\nresources: { default: { cpus: 2, memory: 500M } }\n",
    );
    toy.ok(&["plan", "cluster.yaml", "--out", "plan", "--device", "cpu"]);
    let submit = |expected: i32| {
        let mut command = toy.command(&["submit", "plan", "--profile", "site.yaml"]);
        command.env("SLURM_CONF", cluster.folder.path().join("slurm.conf"));
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(expected), "{told}");
        told
    };
    submit(0);
    assert!(submit(2).contains("still queued"));

    // A training that has a checkpoint loses its node: the daemon, the job's shell and the job are gone at once.
    cluster.wait("checkpoint of a long cell", 180, || !tries(&toy).is_empty());
    let try_at_work = tries(&toy).remove(0);
    let name = try_at_work
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .to_owned();
    let process = name.split('-').next().unwrap().to_owned();
    let environment = fs::read(format!("/proc/{process}/environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment).into_owned();
    let of = |key: &str| {
        let mut variables = environment.split('\0');
        let found = variables.find_map(|v| v.strip_prefix(&format!("{key}=")));
        found.unwrap().to_owned()
    };
    let (node, job) = (of("SLURMD_NODENAME"), of("SLURM_JOB_ID"));
    kill(
        "KILL",
        &cluster.pid(&format!("run/slurmd.{node}.pid")).unwrap(),
    );
    let _ = Command::new("pkill")
        .args(["-9", "-f", &format!("slurmstepd: \\[{job}.batch\\]")])
        .status();
    kill("KILL", &process);
    std::thread::sleep(Duration::from_secs(1));
    assert!(!Path::new(&format!("/proc/{process}")).exists());

    let finished = |label: &str| {
        states(&toy)
            .iter()
            .any(|(l, state)| l == label && state == "done")
    };
    cluster.wait("end of all jobs", 400, || {
        let queue = cluster.text("squeue", &["--noheader"]);
        queue.trim().is_empty() && finished("left/long/seed-2")
    });
    for (label, state) in states(&toy) {
        let expected = if label.starts_with("bad") {
            "failed"
        } else {
            "done"
        };
        let is_hole = label == "report" || (label.starts_with("bad") && state == "waits");
        assert!(state == expected || is_hole, "{label}: {state}");
    }
    let report = toy.read("plan/report.html");
    assert!(report.contains("left") && toy.path("plan/bad/head/seed-1/failure.json").is_file());

    // The same plan on this machine alone, and the same again after a result was lost.
    toy.ok(&[
        "run",
        "cluster.yaml",
        "--out",
        "run",
        "--device",
        "cpu",
        "--only",
        "left",
        "--jobs",
        "2",
    ]);
    let [one, other] = ["plan/left", "run/left"].map(|run| contents(&toy.path(run), &RESULTS));
    assert!(one.len() >= 6 * 4 && one == other);
    fs::remove_dir_all(toy.path("plan/left/head/seed-2")).unwrap();
    submit(0);
    cluster.wait("the lost cell", 120, || finished("left/head/seed-2"));
}
