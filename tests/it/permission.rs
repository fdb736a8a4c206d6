//! Who may do what with a guest or a storage: list, add, remove.

use proxmux::sim::{access::Grant, fault::Effect as Trouble};

use crate::harness::{Harness, Setup};

fn entry(path: &str, kind: &str, who: &str, role: &str) -> Grant {
    Grant { path: path.into(), kind: kind.into(), who: who.into(), role: role.into(), propagate: true }
}

/// The permissions of the VM kali (111).
async fn of_kali(setup: Setup, with: Vec<Grant>) -> Harness {
    let mut h = setup.go_after(|sim| sim.cluster.access.acl.extend(with)).await;
    h.wait(1.0).await;
    h.press("/ 'kali' enter P").await;
    h.wait(0.5).await;
    h
}

#[tokio::test(start_paused = true)]
async fn permission_is_given_and_taken_away() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut h = of_kali(Setup::default().sized(width, height), vec![]).await;
        h.sees("/vms/111");
        h.sees("shown: only on this path");
        h.sees("nobody has a permission on this very path");
        h.press("a").await;
        h.wait(0.5).await;
        h.sees("Permission on /vms/111");
        // A user, a role; both can be typed into.
        h.press("tab 'former' enter tab 'PVEVMUser' enter ctrl-s").await;
        h.wait(0.2).await;
        h.sees("Give former@pve PVEVMUser on /vms/111 (VM 111 (kali))?");
        h.sees("PVEVMUser allows: VM.Audit");
        h.sees("PUT /access/acl path=/vms/111 roles=PVEVMUser users=former@pve propagate=1");
        assert!(h.writes().is_empty());
        h.press("y").await;
        h.wait(1.0).await;
        assert!(h.line("former@pve").contains("PVEVMUser"), "{}", h.screen());
        h.press("d").await;
        h.sees("Role PVEVMUser");
        h.sees("start, stop, reset, pause");
        h.press("esc delete").await;
        h.sees("Take PVEVMUser from user former@pve on /vms/111?");
        h.sees("former@pve loses VM.Audit");
        // Enter means no here.
        h.press("enter delete y").await;
        h.wait(1.0).await;
        h.sees("nobody has a permission on this very path");
        let writes = h.writes();
        assert_eq!(writes.len(), 2, "{writes:#?}");
        assert_eq!(writes[1], "PUT /access/acl path=/vms/111 roles=PVEVMUser users=former@pve delete=1");
    }
}

#[tokio::test(start_paused = true)]
async fn permission_that_takes_more_than_it_gives_says_so() {
    // Anna is an administrator by her group, on everything.
    let mut h = of_kali(Setup::default(), vec![]).await;
    h.press("a").await;
    h.wait(0.5).await;
    h.press("tab 'anna' enter tab 'PVEVMUser' enter ctrl-s").await;
    h.wait(0.2).await;
    h.sees("It takes the place of what was inherited from above");
    h.sees("anna@pve loses");
    h.sees("VM.Migrate");
}

#[tokio::test(start_paused = true)]
async fn permission_that_is_inherited_says_from_where_and_what_replaces_it() {
    let mine = vec![
        entry("/vms", "user", "anna@pve", "PVEVMAdmin"),
        entry("/vms/111", "user", "anna@pve", "PVEVMUser"),
        entry("/vms/112", "user", "former@pve", "PVEVMUser"),
    ];
    let mut h = of_kali(Setup::default(), mine).await;
    h.sees_not("PVEVMAdmin");
    h.press("i").await;
    h.sees("shown: here and inherited");
    h.sees("/vms, replaced by /vms/111");
    h.sees("auditor@pve");
    h.sees_not("former@pve");
    let screen = h.screen();
    let row = |text: &str| screen.lines().position(|l| l.contains(text)).unwrap();
    assert!(row("here") < row("replaced by"), "the nearest first:\n{screen}");
    h.press("i").await;
    h.sees_not("auditor@pve");
}

#[tokio::test(start_paused = true)]
async fn permission_through_the_pool_is_named() {
    let mut h = Setup::default()
        .go_after(|sim| {
            let pool = sim.cluster.pool_of(101).map(str::to_owned).unwrap_or_else(|| {
                sim.cluster.pools.entry("dev".into()).or_default().vms.insert(101);
                "dev".into()
            });
            sim.cluster.access.acl.push(entry(&format!("/pool/{pool}"), "group", "admins", "PVEVMUser"));
        })
        .await;
    h.wait(1.0).await;
    h.press("/ 'id:101' enter P i").await;
    h.wait(0.5).await;
    h.sees("(its pool)");
}

#[tokio::test(start_paused = true)]
async fn permission_of_oneself_is_not_lost_by_accident() {
    // operator has all rights on the guests by /vms, and may so hand on what he has.
    let mine = vec![entry("/vms/111", "user", "operator@pve", "PVEVMAdmin")];
    let mut h = of_kali(Setup::as_user("operator@pve", "operator1"), mine).await;
    h.sees("operator@pve");
    h.press("a").await;
    h.wait(0.5).await;
    // Users that he may not see can be typed: nobody but himself is offered.
    h.press("tab 'former@pve' enter tab 'PVEVMUser' enter ctrl-s").await;
    h.wait(0.2).await;
    h.sees("Give former@pve PVEVMUser on /vms/111");
    h.press("y").await;
    h.wait(1.0).await;
    h.sees("former@pve");
    h.press("/ 'operator' enter delete").await;
    h.sees("Take PVEVMAdmin from user operator@pve on /vms/111?");
    h.press("n a").await;
    h.wait(0.5).await;
    h.press("tab 'operator@pve' enter tab 'NoAccess' enter ctrl-s").await;
    h.wait(0.2).await;
    h.sees("This is about you (operator@pve): you lose");
    h.press("y").await;
    // The server refuses what goes beyond one's own rights; the complaint stands at the role.
    h.until("Cannot add role 'NoAccess'", 5.0).await;
}

#[tokio::test(start_paused = true)]
async fn permission_without_the_right_says_which_is_missing() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut h = of_kali(Setup::as_user("auditor@pve", "auditor1").sized(width, height), vec![]).await;
        h.sees("You lack Permissions.Modify or VM.Allocate on /vms/111");
        h.press("a").await;
        h.sees("Permissions: you lack Permissions.Modify or VM.Allocate on /vms/111");
        assert!(h.writes().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn permission_of_a_storage_from_its_list_and_from_its_content() {
    let mut h = Setup { tab: '8', ..Setup::default() }.go().await;
    h.wait(1.0).await;
    h.press("/ 'nas' enter P").await;
    h.wait(0.5).await;
    h.sees("/storage/nas");
    h.press("a").await;
    h.wait(0.5).await;
    // A group, which is to choose.
    h.press("right").await;
    h.sees("Group");
    h.press("tab 'admins' enter tab 'PVEDatastoreUser' enter tab space ctrl-s").await;
    h.wait(0.2).await;
    h.sees("PUT /access/acl path=/storage/nas roles=PVEDatastoreUser groups=admins propagate=0");
    h.press("y").await;
    h.wait(1.0).await;
    h.sees("PVEDatastoreUser: Datastore.AllocateSpace, Datastore.Audit");
    h.press("esc enter").await;
    h.wait(0.5).await;
    h.press("a").await;
    h.wait(0.5).await;
    h.sees("/storage/nas");
    h.sees("admins");
}

#[tokio::test(start_paused = true)]
async fn permission_list_that_fails_says_why_and_comes_back() {
    let mut h = Setup::default().go().await;
    h.wait(1.0).await;
    h.trouble("/access/acl", Some(1), Trouble::Status(500, "pmxcfs is not ready".into()));
    h.press("/ 'kali' enter P").await;
    h.wait(0.5).await;
    h.sees("pmxcfs is not ready");
    h.wait(12.0).await;
    h.sees_not("pmxcfs is not ready");
    h.sees("nobody has a permission on this very path");
}
