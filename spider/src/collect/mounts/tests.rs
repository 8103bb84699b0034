use super::*;

fn points(text: &str, max: usize) -> (Vec<String>, u64) {
    let (mounts, over) = parse_mountinfo(text.as_bytes(), max, |_| None, |_| false);
    let show = |m: &Mount| {
        format!(
            "{} {}",
            String::from_utf8_lossy(&m.point),
            String::from_utf8_lossy(&m.fs_type)
        )
    };
    (mounts.iter().map(show).collect(), over)
}

#[test]
fn one_filesystem_counts_once_by_its_shortest_mount_point() {
    let text = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
21 20 0:5 / /proc rw - proc proc rw\n\
22 20 8:1 /srv /srv/bind rw shared:1 master:2 - ext4 /dev/sda1 rw\n\
23 20 8:2 /@home /home/users rw - btrfs /dev/sda2 rw\n\
24 20 8:2 /@ /data rw - btrfs /dev/sda2 rw\n\
25 20 7:3 / /snap/core/1 ro - squashfs /dev/loop3 ro\n\
26 20 8:5 / /mnt/a\\040b rw - f2fs /dev/sda5 rw\n";
    let expected = ["/ ext4", "/data btrfs", "/mnt/a b f2fs"];
    assert_eq!(points(text, 9), (expected.map(String::from).to_vec(), 0));
    assert_eq!(points(text, 2).1, 1);
}

#[test]
fn who_is_asked_is_who_answers_for_it_and_all_below_it() {
    let text = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
21 20 0:50 / /nas rw - nfs4 nas:/x rw\n\
22 21 8:17 / /nas/local rw - ext4 /dev/sdb1 rw\n\
23 20 8:33 / /nas2 rw - xfs /dev/sdc1 rw\n\
24 20 0:51 / /home/u/cloud rw - fuse.rclone r: rw\n\
25 20 8:49 / /media/win rw - fuseblk /dev/sdd1 rw\n";
    let (mounts, _) = parse_mountinfo(text.as_bytes(), 9, |_| None, |_| false);
    let told: Vec<_> = mounts
        .iter()
        .map(|mount| (String::from_utf8_lossy(&mount.point), mount.answer))
        .collect();
    let expected = [
        ("/", Answer::AtOnce),
        ("/nas2", Answer::Disk),
        ("/nas", Answer::Remote),
        ("/nas/local", Answer::Remote),
        ("/home/u/cloud", Answer::Remote),
        ("/media/win", Answer::Remote),
    ];
    assert_eq!(told, expected.map(|(point, answer)| (point.into(), answer)));
}

#[test]
fn what_is_always_full_is_no_filesystem_to_watch() {
    let text = "\
20 1 0:35 / / ro - overlay composefs ro,lowerdir+=/a,datadir+=/b\n\
21 20 252:4 /deploy/etc /etc rw - xfs /dev/vda4 rw\n\
22 20 252:4 /deploy/var /var rw - xfs /dev/vda4 rw\n\
23 20 252:4 / /sysroot ro - xfs /dev/vda4 rw\n\
24 20 7:1 / /mnt/iso ro - udf /dev/loop1 ro\n\
25 20 8:33 / /mnt/bluray rw - udf /dev/sdc1 rw\n\
26 20 7:2 / /apex/com.android.art ro - ext4 /dev/loop2 ro\n\
27 20 253:0 / /usr ro - ext4 /dev/mapper/usr ro\n\
28 20 0:60 / /tmp/.mount_editorX ro - fuse.editor.AppImage editor ro\n\
29 20 0:61 / /tmp/x ro - fuse.squashfuse x ro\n\
30 20 0:62 / /vendor ro - erofs /dev/dm-1 ro\n\
31 20 8:49 / /srv rw - ext4 /dev/sdd1 ro\n\
32 20 0:63 / /opt/layer ro - overlay overlay ro\n";
    let (mounts, _) = parse_mountinfo(text.as_bytes(), 9, |_| None, |_| false);
    let told: Vec<_> = mounts
        .iter()
        .map(|mount| (String::from_utf8_lossy(&mount.point), mount.readonly))
        .collect();
    // One that went read-only by itself is what an operator wants to see.
    let expected = [
        ("/var", false),
        ("/mnt/bluray", false),
        ("/usr", true),
        ("/srv", true),
    ];
    assert_eq!(
        told,
        expected.map(|(point, readonly)| (point.into(), readonly))
    );
}

#[test]
fn a_mount_that_another_hides_is_not_told() {
    let text = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
21 20 8:17 / /data/old rw - ext4 /dev/sdb1 rw\n\
22 20 8:33 / /data rw - xfs /dev/sdc1 rw\n\
23 22 8:49 / /data/new rw - xfs /dev/sdd1 rw\n\
24 20 8:65 / /srv rw - ext4 /dev/sde1 rw\n\
25 24 8:81 / /srv/deep rw - ext4 /dev/sdf1 rw\n\
26 24 8:97 / /srv rw - ext4 /dev/sdg1 rw\n\
27 27 8:98 / /srv/ring rw - ext4 /dev/sdh1 rw\n";
    let expected = [
        "/ ext4",
        "/data xfs",
        "/data/new xfs",
        "/srv ext4",
        "/srv/ring ext4",
    ];
    assert_eq!(points(text, 9).0, expected);
}

#[test]
fn files_are_no_mount_points() {
    let text = "\
20 1 0:60 / / rw - overlay overlay rw\n\
21 20 8:1 /usr/share/zoneinfo/Europe/Berlin /etc/localtime ro - ext4 /dev/sda1 rw\n\
22 20 8:1 /opt/app/config.yml /app/config.yml ro - ext4 /dev/sda1 rw\n\
23 20 8:1 /opt/app/data /var/lib/appdata rw - ext4 /dev/sda1 rw\n\
24 20 8:17 /lists/people /people rw - ext4 /dev/sdb1 rw\n\
25 20 8:33 /www/a.com /srv/a.com rw - ext4 /dev/sdc1 rw\n\
26 20 8:49 /pods/x/volume-subpaths/config/app/0 /srv/nginx.conf ro - ext4 /dev/sdd1 rw\n\
27 20 8:65 /data /srv/backup.old rw - ext4 /dev/sde1 rw\n";
    let points = |seen: fn(&[u8]) -> Option<bool>| {
        let (mounts, _) = parse_mountinfo(text.as_bytes(), 9, seen, |_| false);
        let point = |mount: Mount| String::from_utf8(mount.point).unwrap();
        mounts.into_iter().map(point).collect::<Vec<_>>()
    };
    assert_eq!(
        points(|_| None),
        ["/", "/var/lib/appdata", "/people", "/srv/backup.old"]
    );
    let seen = |point: &[u8]| Some(!(point.ends_with(b"data") || point.ends_with(b".com")));
    assert_eq!(points(seen), ["/", "/var/lib/appdata", "/srv/a.com"]);
}

#[test]
fn disks_come_before_datasets_and_datasets_by_pool() {
    let text = "\
20 1 0:30 / / rw - zfs rpool/ROOT/pve rw\n\
21 23 0:31 / /tank/a/x rw - zfs tank/a/x rw\n\
22 20 0:32 / /rpool/b rw - zfs rpool/b rw\n\
23 20 0:33 / /tank/a rw - zfs tank/a rw\n\
24 20 0:34 / /nas rw - nfs4 nas:/x rw\n\
25 20 0:34 / /nas2 rw - nfs4 nas:/x rw\n\
26 20 0:35 / /rpool/c rw - zfs rpool/c rw\n\
27 20 0:36 / /rpool/c/.zfs/snapshot/y ro - zfs rpool/c@y ro\n\
28 20 8:33 / /backup rw - ext4 /dev/sdc1 rw\n";
    let all = ["/ zfs", "/backup ext4", "/tank/a zfs", "/nas nfs4"];
    assert_eq!(points(text, 4), (all.map(String::from).to_vec(), 3));
    let (all, over) = points(text, 9);
    assert_eq!(all[4..], ["/rpool/b zfs", "/rpool/c zfs", "/tank/a/x zfs"]);
    assert_eq!(over, 0);
}

#[test]
fn a_share_that_would_be_taken_away_unused_is_not_used_by_asking() {
    let text = "\
20 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
21 20 0:40 / /mnt/kept rw - autofs systemd-1 rw,fd=47,timeout=0,direct\n\
22 21 0:41 / /mnt/kept rw - nfs4 nas:/kept rw\n\
23 20 0:42 / /mnt/brief rw - autofs systemd-1 rw,fd=48,timeout=600,direct\n\
24 23 0:43 / /mnt/brief rw - nfs4 nas:/brief rw\n\
25 20 0:44 / /net rw - autofs auto.net rw,fd=9,timeout=300,indirect\n\
26 25 0:45 / /net/nas/x rw - cifs //nas/x rw\n";
    assert_eq!(points(text, 9).0, ["/ ext4", "/mnt/kept nfs4"]);
}

#[test]
fn the_mount_on_top_is_the_one_that_is_seen() {
    let text = "\
20 1 0:2 / / rw - rootfs rootfs rw\n\
21 1 0:30 / / rw - overlay overlayfs:/overlay rw\n\
22 21 8:1 / /data rw - ext4 /dev/sda1 rw\n\
23 22 0:40 / /data rw - tmpfs tmpfs rw\n\
24 21 0:41 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n\
25 21 254:1 /c/hosts /etc/hosts rw - ext4 /dev/vda1 rw\n\
26 21 254:1 /v/_data /volume rw - ext4 /dev/vda1 rw\n";
    assert_eq!(points(text, 9).0, ["/ overlay", "/volume ext4"]);
}

/// Recorded in a container of systemd-nspawn, on a machine whose /run is on its disk.
#[test]
fn the_machine_around_a_container_is_not_the_container() {
    let text = "\
108 85 0:40 / / rw,relatime shared:3 - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c\n\
114 108 0:46 / /run rw,nosuid,nodev shared:8 - tmpfs tmpfs rw,size=4936732k,mode=755\n\
115 114 0:46 /host /run/host ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs rw,mode=755\n\
116 115 254:0 /usr/lib/os-release /run/host/os-release ro,nosuid shared:9 - ext4 /dev/vda rw\n\
117 115 254:0 /run/systemd/nspawn/propagate/x /run/host/incoming ro master:11 - ext4 /dev/vda rw\n\
119 114 254:0 /run/systemd/nspawn/propagate/x /run/host/incoming rw shared:11 - ext4 /dev/vda rw\n";
    assert_eq!(points(text, 9).0, ["/ overlay"]);
    // What it was given on purpose counts, though it is the same disk.
    let volume = "120 108 254:0 /srv/data /data rw shared:9 - ext4 /dev/vda rw\n";
    let text = format!("{text}{volume}");
    assert_eq!(points(&text, 9).0, ["/ overlay", "/data ext4"]);
}

#[test]
fn hostile_lines_are_skipped() {
    for text in [
        "",
        "\n",
        "20 1 8:1 / / rw - ext4",
        "20 1 8:1 / / rw ext4 /dev/sda1 rw\n",
        "20 1 8:1 / / rw - \n",
        "x 1 8:1 / / rw - ext4 /dev/sda1 rw\n",
        "20 1 81 / / rw - ext4 /dev/sda1 rw\n",
        "20 1 8:1 / mnt rw - ext4 /dev/sda1 rw\n",
    ] {
        assert_eq!(points(text, 9), (vec![], 0), "{text:?}");
    }
}
