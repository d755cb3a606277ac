"""What ``prepare flickr8k --help`` and ``prepare places --help`` say: what has to lie where, and where to get it."""

FLICKR8K_PAGE = "nlp.cs.illinois.edu/HockenmaierGroup/Framing_Image_Description/KCCA.html"
FLICKR_AUDIO_PAGE = "groups.csail.mit.edu/sls/downloads/flickraudio"
PLACES_AUDIO_PAGE = "groups.csail.mit.edu/sls/downloads/placesaudio"
PLACES205_PAGE = "places.csail.mit.edu"

_COMMON = """
Nothing of the authors' files is changed. Before the manifest is written, the lists are checked against each other and
against the published numbers, and every picture and recording is read to its end; an interrupted call goes on where it
was. --leave-out-unusable leaves damaged files out and says how many. What stands on both sides of the split is told:
pictures, recordings, speakers (those who never speak in training are marked as unseen voices)."""

FLICKR8K_GUIDE = f"""\
Verifies Flickr8k with its spoken captions (8,000 photographs: 6,000 train, 1,000 val, 1,000 test; five captions each,
all read aloud by people) and writes its manifest. In the folder there have to be:

  Flicker8k_Dataset/   the photographs: Flickr8k_Dataset.zip, asked for at {FLICKR8K_PAGE}
                       (for research, with citation of Hodosh, Young, Hockenmaier 2013)
  Flickr8k_text/       Flickr8k.token.txt, Flickr_8k.trainImages.txt, .devImages.txt, .testImages.txt: Flickr8k_text.zip
                       from the same page
  flickr_audio/        wavs/, wav2capt.txt, wav2spk.txt: flickr_audio.tar.gz, {FLICKR_AUDIO_PAGE}
                       (CC BY-SA; Harwath, Glass 2015)

--download fetches the recordings (4.2 GB). Without them, --text-only takes the captions for an engine to speak. Each
picture is a class of its own.
{_COMMON}"""

PLACES_GUIDE = f"""\
Verifies the Places Audio Captions (400,000 photographs of 205 kinds of places, described aloud by people; words by a
speech recogniser) or, with --subset rooms, the seven kinds of rooms that Li et al. and S2IGAN took from them, and
writes the manifest. In the folder there have to be:

  PlacesAudio_400k_distro/   metadata/ and wavs/: {PLACES_AUDIO_PAGE}
                             (for research, with citation of Harwath, Torralba, Glass 2016)
  images/                    the photographs of Places205 (b/bedroom/gsun_....jpg), asked for at {PLACES205_PAGE}

Of metadata, the lists of 2020 (train_2020.json, dev_*_2020.json, test_*_2020.json) are taken where they are, else
train.json and val.json: val.json, on which the papers report, is the test part, and 1,000 training pictures are drawn
for validation. With --subset rooms, --splits DIR takes S2IGAN's {{train,test}}/filenames.pickle or Li et al.'s JSON
files; without it a fifth of the rooms is drawn for the test, which is not the published split.
{_COMMON}"""
