"""What a service said in its log (format "json"), also where a kill cut it off."""
import json


def committed_revision(log):
    """The highest revision that it said it had committed; 0 for none."""
    highest = 0
    for line in log.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue  # cut off by the kill
        if entry.get("event") == "sync.committed":
            highest = max(highest, int(entry["text"].split(":")[0].removeprefix("revision ")))
    return highest
