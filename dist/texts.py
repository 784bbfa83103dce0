"""Texts for package managers: Homebrew, Scoop and winget.

They are made for the release whose archives they name, and are not published by anything here.
"""

import json

SUMMARY = "Make a Home Assistant backup fit the cloud"

# The one form of an identifier that winget has: publisher, full stop, package.
WINGET = "haslim.haslim"
WINGET_SCHEMA = "1.9.0"


def download_url(about):
    """Where the archives of a version are, if the project says where it lives."""
    repository = about.get("repository")
    return f"{repository.rstrip('/')}/releases/download/v{about['version']}" if repository else None


def made(about, url, sums):
    """The texts by file name, as far as the archives that they name were made."""
    version = about["version"]

    def archive(target, ending):
        name = f"haslim-{version}-{target}.{ending}"
        return (f"{url}/{name}", sums[name]) if name in sums else None

    unix = {target: archive(target, "tar.gz") for target in ("aarch64-apple-darwin", "x86_64-apple-darwin", "aarch64-unknown-linux-musl", "x86_64-unknown-linux-musl")}
    windows = archive("x86_64-pc-windows-gnu", "zip")
    found = {}
    if None not in unix.values():
        found["homebrew/haslim.rb"] = homebrew(about, unix)
    if windows:
        found["scoop/haslim.json"] = scoop(about, windows)
        found |= winget(about, windows)
    return found


def homebrew(about, archives):
    """A formula (Homebrew's Formula Cookbook)."""

    def system(name, arm, intel):
        return (
            f"  on_{name} do\n"
            f'    on_arm do\n      url "{arm[0]}"\n      sha256 "{arm[1]}"\n    end\n'
            f'    on_intel do\n      url "{intel[0]}"\n      sha256 "{intel[1]}"\n    end\n'
            "  end\n\n"
        )

    return (
        "# The programs for macOS are not signed, and have never been run by the authors.\n"
        "class Haslim < Formula\n"
        f'  desc "{SUMMARY}"\n'
        f'  homepage "{homepage(about, archives["x86_64-unknown-linux-musl"][0])}"\n'
        f'  version "{about["version"]}"\n'
        f'  license "{about["license"]}"\n\n'
        + system("macos", archives["aarch64-apple-darwin"], archives["x86_64-apple-darwin"])
        + system("linux", archives["aarch64-unknown-linux-musl"], archives["x86_64-unknown-linux-musl"])
        + "  def install\n"
        '    bin.install "haslim"\n'
        '    man1.install Dir["man/*.1"]\n'
        '    bash_completion.install "completions/haslim.bash" => "haslim"\n'
        '    zsh_completion.install "completions/_haslim"\n'
        '    fish_completion.install "completions/haslim.fish"\n'
        '    doc.install "README.md", "docs", "THIRD-PARTY.txt"\n'
        "  end\n\n"
        "  test do\n"
        '    assert_match version.to_s, shell_output("#{bin}/haslim --version")\n'
        "  end\n"
        "end\n"
    )


def scoop(about, archive):
    """A manifest (Scoop's wiki, App Manifests)."""
    folder = archive[0].rpartition("/")[2].removesuffix(".zip")
    manifest = {
        "version": about["version"],
        "description": SUMMARY,
        "homepage": homepage(about, archive[0]),
        "license": about["license"],
        "architecture": {"64bit": {"url": archive[0], "hash": archive[1], "extract_dir": folder}},
        "bin": "haslim.exe",
    }
    return json.dumps(manifest, indent=4) + "\n"


def winget(about, archive):
    """The three manifests of a portable program in a zip archive (winget-pkgs, manifest schema)."""
    version, folder = about["version"], archive[0].rpartition("/")[2].removesuffix(".zip")

    def manifest(kind, lines):
        head = f"PackageIdentifier: {WINGET}\nPackageVersion: {version}\n"
        return head + lines + f"ManifestType: {kind}\nManifestVersion: {WINGET_SCHEMA}\n"

    return {
        f"winget/{WINGET}.yaml": manifest("version", "DefaultLocale: en-US\n"),
        f"winget/{WINGET}.locale.en-US.yaml": manifest(
            "defaultLocale",
            "PackageLocale: en-US\nPublisher: The haslim authors\nPackageName: haslim\n"
            f"PackageUrl: {homepage(about, archive[0])}\nLicense: {about['license']}\nShortDescription: {SUMMARY}\n",
        ),
        f"winget/{WINGET}.installer.yaml": manifest(
            "installer",
            "InstallerType: zip\nNestedInstallerType: portable\nNestedInstallerFiles:\n"
            f"- RelativeFilePath: {folder}\\haslim.exe\n  PortableCommandAlias: haslim\n"
            f"Installers:\n- Architecture: x64\n  InstallerUrl: {archive[0]}\n  InstallerSha256: {archive[1].upper()}\n",
        ),
    }


def homepage(about, url):
    """The project's page; if it names none, where its archives are."""
    return about.get("homepage") or about.get("repository") or url.rpartition("/")[0]
